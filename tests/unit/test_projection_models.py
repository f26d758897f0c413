"""What each model makes of a series whose course is known."""

import numpy as np
import pytest

from salesflow.projection import models
from salesflow.projection.history import HORIZON
from salesflow.projection.models import PRODUCT_MODELS, TOTAL_MODELS, Model
from shops import WEEKDAYS, poisson

MODELS = {model.name: model for model in TOTAL_MODELS}
ALL = [*PRODUCT_MODELS, *TOTAL_MODELS]
WEEKLY = np.tile([1.0, 2, 3, 4, 5, 6, 0], 30)


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)
def test_no_projection_is_below_zero_or_endless(model: Model) -> None:
    once, falling = np.zeros(120), np.linspace(60, 0, 120)
    once[40] = 1e9
    for course in (once, falling, np.zeros(120), np.full(120, 7.0), poisson(120, 3, seed=1) * 1e10):
        forecast = model.project(course.astype(float))
        said = forecast[~np.isnan(forecast)]
        assert len(forecast) == HORIZON
        assert (said >= 0).all()
        assert np.isfinite(said).all()


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)
def test_a_model_says_nothing_of_less_history_than_it_needs(model: Model) -> None:
    course = poisson(800, 20, seed=2).astype(float)
    assert np.isnan(model.project(course[: model.needs - 1])).all()
    assert not np.isnan(model.project(course[: model.needs])).any()


def test_a_week_that_repeats_itself_goes_on() -> None:
    assert (MODELS["seasonal naive"].project(WEEKLY) == np.tile(WEEKLY[:7], 4)).all()
    for name in ("weekday average", "exponential smoothing", "theta", "damped trend"):
        np.testing.assert_allclose(
            MODELS[name].project(WEEKLY), np.tile(WEEKLY[:7], 4), atol=1e-9, err_msg=name
        )


def test_a_series_without_noise_is_none_for_complex_smoothing() -> None:
    assert np.isnan(MODELS["complex exponential smoothing"].project(WEEKLY)).all()


@pytest.mark.parametrize(
    "name", ["exponential smoothing", "theta", "complex exponential smoothing", "damped trend"]
)
def test_the_able_models_find_level_and_weekdays(name: str) -> None:
    course = poisson(364, 400, seed=3).astype(float)
    truth = 400 * WEEKDAYS[np.arange(364, 364 + HORIZON) % 7]
    assert np.abs(MODELS[name].project(course) / truth - 1).mean() < 0.05


def test_a_trend_goes_on_with_those_that_know_trends() -> None:
    noise = np.random.default_rng(4).normal(0, 5, 364)
    course = 100 + np.arange(364.0) + noise
    for name in ("damped trend", "theta"):
        assert 470 < MODELS[name].project(course)[-1] < 510, name
    assert MODELS["historic average"].project(course)[-1] < 300


def test_last_years_course_rises_as_it_did_a_year_ago() -> None:
    course = np.full(600, 10.0)
    course[600 - 364 :] = 30  # it tripled 364 days ago, and then stayed
    forecast = MODELS["last year's course"].project(course)
    assert forecast[7:].tolist() == pytest.approx([90] * 21, rel=0.1)


def test_only_the_want_of_noise_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def new(self) -> "Broken":
            return self

        def forecast(self, **_: object) -> None:
            raise RuntimeError("something else")

    monkeypatch.setattr(models, "_statsforecast", lambda *_, **__: Broken())
    with pytest.raises(RuntimeError, match="something else"):
        MODELS["exponential smoothing"].project(WEEKLY)
