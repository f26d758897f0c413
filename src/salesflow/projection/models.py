"""The models that a series may be projected with, from the plainest to the most able.

All of them come from statsforecast, but for last year's course. None draws random numbers, so the
same series gives the same projection. What they know of is the week; a yearly course is only known
to `LAST_YEARS_COURSE`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from salesflow.projection.history import HORIZON, WEEK

Floats = NDArray[np.float64]

# Days that a model is fitted to, at most: older ones make it slower and hardly better.
_YEAR: Final = 52 * WEEK
_HALF_YEAR: Final = 26 * WEEK
_AVERAGED_WEEKS: Final = 8
_UNFITTABLE: Final = "no model able to be fitted"


@dataclass(frozen=True, slots=True)
class Model:
    """A way to project a series, and the days of history below which it says nothing."""

    name: str
    needs: int
    forecast: Callable[[Floats], Floats]

    def project(self, history: Floats) -> Floats:
        """The next `HORIZON` days, none below zero; NaN where the model can't say."""
        if len(history) < self.needs:
            return np.full(HORIZON, np.nan)
        # A series that repeats itself exactly leaves no error to divide by, which is no accident.
        with np.errstate(all="ignore"):
            forecast = self.forecast(history)
        if not np.isfinite(forecast).all():
            return np.full(HORIZON, np.nan)
        return np.maximum(forecast, 0.0)


@cache
def _statsforecast(name: str, **settings: Any) -> Any:
    """A model of statsforecast, which takes five seconds to import."""
    from statsforecast import models

    return getattr(models, name)(**settings)


def _fitted(name: str, history: Floats, days: int = _YEAR, **settings: Any) -> Floats:
    model = _statsforecast(name, season_length=WEEK, **settings).new()
    try:
        forecast: Floats = model.forecast(y=history[-days:], h=HORIZON)["mean"]
    except Exception as error:
        # What statsforecast raises for a series without noise is of no narrower class.
        if str(error) != _UNFITTABLE:
            raise
        return np.full(HORIZON, np.nan)
    return np.asarray(forecast, dtype=np.float64)


def _seasonal_naive(history: Floats) -> Floats:
    return _fitted("SeasonalNaive", history)


def _historic_average(history: Floats) -> Floats:
    return np.full(HORIZON, history.mean())


def _weekday_average(history: Floats) -> Floats:
    weeks = min(_AVERAGED_WEEKS, len(history) // WEEK)
    return _fitted("SeasonalWindowAverage", history, window_size=weeks)


def _exponential_smoothing(days: int) -> Model:
    def forecast(history: Floats) -> Floats:
        return _fitted("AutoETS", history, days, model="ANA")

    return Model("exponential smoothing", HORIZON, forecast)


def _theta(days: int) -> Model:
    return Model("theta", HORIZON, lambda history: _fitted("Theta", history, days))


def _complex_smoothing(history: Floats) -> Floats:
    return _fitted("AutoCES", history, model="S")


def _damped_trend(history: Floats) -> Floats:
    return _fitted("AutoETS", history, model="AAA", damped=True)


def _last_years_course(history: Floats) -> Floats:
    """The weekdays' averages, rising and falling as they did in the same weeks a year before."""
    level = np.convolve(history, np.full(WEEK, 1 / WEEK), mode="same")
    year_ago = len(history) - _YEAR
    base = level[year_ago - HORIZON : year_ago].mean()
    course: Floats = level[year_ago : year_ago + HORIZON] / base
    return _weekday_average(history) * course


SEASONAL_NAIVE: Final = Model("seasonal naive", WEEK, _seasonal_naive)

# In this order, so that of two that are equally good the plainer one is chosen.
_PLAIN: Final = (
    SEASONAL_NAIVE,
    Model("historic average", 1, _historic_average),
    Model("weekday average", 2 * WEEK, _weekday_average),
    Model("last year's course", _YEAR + HORIZON + WEEK, _last_years_course),
    Model("complex exponential smoothing", HORIZON, _complex_smoothing),
)
PRODUCT_MODELS: Final = (*_PLAIN, _exponential_smoothing(_HALF_YEAR), _theta(_HALF_YEAR))
# There is one total, so it can be given more time than each of many products.
TOTAL_MODELS: Final = (
    *_PLAIN,
    _exponential_smoothing(_YEAR),
    _theta(_YEAR),
    Model("damped trend", HORIZON, _damped_trend),
)
