"""When people order, and what: the rhythm of the day and the week, growth, and promotions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import accumulate
from math import exp
from random import Random
from typing import Final

from salesflow.catalogue import CATALOGUE, Product
from salesflow.seeds import seeded

# Monday to Sunday: quiet at the start of the week, busiest on Saturday.
_WEEKDAY: Final = (0.90, 0.85, 0.92, 0.97, 1.15, 1.35, 1.20)
# Midnight to midnight, UTC: asleep until six, a bump at noon, the peak at eight in the evening.
_HOUR: Final = (
    *(0.30, 0.20, 0.14, 0.12, 0.13, 0.20, 0.38, 0.62, 0.85, 1.00, 1.08, 1.18),
    *(1.30, 1.20, 1.08, 1.05, 1.10, 1.25, 1.50, 1.78, 1.90, 1.70, 1.15, 0.65),
)
_GROWTH_PER_DAY: Final = 1.004
_DAILY_NOISE: Final = 0.08

_PROMOTION_SHARE: Final = 0.3
_LONGEST_PROMOTION_DAYS: Final = 4
_DISCOUNTS: Final = (Decimal("0.10"), Decimal("0.15"), Decimal("0.20"), Decimal("0.30"))
_ELASTICITY: Final = 5.0
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Assortment:
    """What is on offer on a day: each product with its price, and how it sells."""

    offers: tuple[tuple[Product, Decimal], ...]
    cumulative_popularity: tuple[float, ...]

    def pick(self, random: Random, count: int) -> list[tuple[Product, Decimal]]:
        """`count` sales: product and price of one piece."""
        return random.choices(self.offers, cum_weights=self.cumulative_popularity, k=count)


@lru_cache(maxsize=8)
def assortment(day: date) -> Assortment:
    """The offers of a day. They depend on the day alone, so every run sees the same promotions."""
    discounts = _discounts(day)
    offers = []
    popularity = []
    for product in CATALOGUE:
        discount = discounts.get(product.name, Decimal(0))
        price = product.list_price * (1 - discount)
        offers.append((product, price.quantize(_CENT, ROUND_HALF_UP)))
        popularity.append(product.popularity * (1 + _ELASTICITY * float(discount)))
    return Assortment(tuple(offers), tuple(accumulate(popularity)))


def _discounts(day: date) -> dict[str, Decimal]:
    """The discount of every product that has one; the largest, where promotions overlap."""
    discounts: dict[str, Decimal] = {}
    for age in range(_LONGEST_PROMOTION_DAYS):
        random = seeded(f"promotion {day - timedelta(days=age)}")
        if random.random() >= _PROMOTION_SHARE:
            continue
        lasts = random.randint(1, _LONGEST_PROMOTION_DAYS)
        products = random.sample(CATALOGUE, random.randint(1, 4))
        discount = random.choice(_DISCOUNTS)
        if age < lasts:
            for product in products:
                discounts[product.name] = max(discount, discounts.get(product.name, discount))
    return discounts


def orders_per_hour(
    orders: int, start: datetime, hours: int, random: Random
) -> Iterator[tuple[datetime, int]]:
    """Spread exactly `orders` over `hours` hours from `start`; yields each hour and its number."""
    weights = []
    noise: dict[date, float] = {}
    for index in range(hours):
        hour = start + timedelta(hours=index)
        if hour.date() not in noise:
            noise[hour.date()] = exp(random.gauss(0, _DAILY_NOISE))
        weights.append(
            _GROWTH_PER_DAY ** (index / 24)
            * _WEEKDAY[hour.weekday()]
            * _HOUR[hour.hour]
            * noise[hour.date()]
        )
    total = sum(weights)
    # Rounding the running total, from a random start, keeps the sum exact and no hour too empty.
    offset = random.random()
    placed, running = 0, 0.0
    for index, weight in enumerate(weights):
        running += weight
        due = orders if index == hours - 1 else min(orders, int(orders * running / total + offset))
        yield start + timedelta(hours=index), due - placed
        placed = due
