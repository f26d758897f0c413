"""The shop's customers: the same ones in every run, so that runs with different seeds agree."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final

from salesflow.seeds import seeded

CHANNELS: Final = ("web", "mobile", "store", "marketplace")
_CHANNEL_WEIGHTS: Final = (45, 35, 12, 8)
_COUNTRIES: Final = ("US", "GB", "DE", "FR", "CA", "NL", "ES", "AU", "SE", "JP")
_COUNTRY_WEIGHTS: Final = (38, 14, 13, 9, 8, 5, 5, 4, 2, 2)
_MOST_LOYAL: Final = 40.0
_FAVOURITE_CHANNEL_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who orders; `loyalty` is a weight, twice as much means twice as many orders."""

    customer_id: str
    name: str
    city: str
    country: str
    favourite_channel: str
    loyalty: float

    def pick_channel(self, random: Random) -> str:
        """Where this order is placed: mostly by the favourite channel."""
        if random.random() < _FAVOURITE_CHANNEL_SHARE:
            return self.favourite_channel
        return random.choice(CHANNELS)


@dataclass(frozen=True, slots=True)
class Clientele:
    """Customers, and their loyalties summed up, as `Random.choices` wants them."""

    members: tuple[Customer, ...]
    cumulative_loyalty: tuple[float, ...]

    def pick(self, random: Random, count: int) -> list[Customer]:
        """`count` customers, the loyal ones more often."""
        return random.choices(self.members, cum_weights=self.cumulative_loyalty, k=count)


@lru_cache(maxsize=4)
def clientele(count: int) -> Clientele:
    """The shop's first `count` customers. More customers are the same ones and then some."""
    # Faker takes half a second to import, which those who only read orders shouldn't pay.
    from faker import Faker

    # Unweighted names come ten times faster, and nobody counts the Smiths.
    faker = Faker(
        "en_US",
        providers=["faker.providers.person", "faker.providers.address"],
        use_weighting=False,
    )
    faker.seed_instance("salesflow customers")
    random = seeded("salesflow customers")
    members = tuple(
        Customer(
            customer_id=f"C{number:06d}",
            name=f"{faker.first_name()} {faker.last_name()}",
            city=faker.city(),
            country=random.choices(_COUNTRIES, _COUNTRY_WEIGHTS)[0],
            favourite_channel=random.choices(CHANNELS, _CHANNEL_WEIGHTS)[0],
            loyalty=min(random.paretovariate(1.2), _MOST_LOYAL),
        )
        for number in range(1, count + 1)
    )
    return Clientele(members, tuple(accumulate(customer.loyalty for customer in members)))
