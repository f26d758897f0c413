"""The warehouse of the generated world: what is sold in a week is ordered anew, and comes later.

Every Monday the warehouse orders of each product the pieces that went out in the week before, less
those that came back, and they arrive after the product's lead time. So what several runs of the
generator restock adds up to what one run over all their orders would.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from salesflow.catalogue import CATALOGUE
from salesflow.orders import Put, Write

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RESTOCKS_PREFIX: Final = "bronze/restocks/"

_WEEK: Final = timedelta(weeks=1)
_LEAD_TIME: Final = {product.name: timedelta(days=product.lead_time_days) for product in CATALOGUE}
_COMES_BACK: Final = frozenset({"cancelled", "returned"})


@dataclass(frozen=True, slots=True)
class Restock:
    """Pieces of a product that the warehouse ordered on a day, and the day of their arrival."""

    product_name: str
    units: int
    ordered_on: date
    received_on: date


class Warehouse:
    """Watches orders go out and come back."""

    def __init__(self) -> None:
        self._sold: defaultdict[str, defaultdict[date, int]] = defaultdict(lambda: defaultdict(int))

    def watch(self, writes: Iterable[Write]) -> Iterator[Write]:
        """The same writes, noted while they pass."""
        for write in writes:
            self._note(write)
            yield write

    def restocks(self, until: datetime) -> list[Restock]:
        """What was ordered before `until` (some of it arrives later), by product and day.

        After a week in which more came back than went out, nothing is ordered, and then less.
        """
        ordered = []
        for product, by_week in sorted(self._sold.items()):
            surplus = 0
            for week in sorted(by_week):
                monday = week + _WEEK
                needed = by_week[week] - surplus
                surplus = max(0, -needed)
                if needed > 0 and monday <= until.astimezone(UTC).date():
                    arrival = monday + _LEAD_TIME[product]
                    ordered.append(Restock(product, needed, monday, arrival))
        return ordered

    def _note(self, write: Write) -> None:
        if not isinstance(write, Put) or write.order.product_name not in _LEAD_TIME:
            return
        day = write.at.astimezone(UTC).date()
        week = self._sold[write.order.product_name]
        monday = day - timedelta(days=day.weekday())
        if write.is_new:
            week[monday] += write.order.quantity
        elif write.order.status in _COMES_BACK:
            week[monday] -= write.order.quantity


def restocks_of(writes: Iterable[Write], until: datetime) -> list[Restock]:
    """What a warehouse orders before `until` that sees these writes."""
    warehouse = Warehouse()
    for _ in warehouse.watch(writes):
        pass
    return warehouse.restocks(until)


def store_restocks(client: "S3Client", bucket: str, run: str, restocks: Iterable[Restock]) -> str:
    """Write the restocks of a run of the generator as JSON lines; a rerun replaces its object.

    Args:
        run: what tells this run apart from others, in words.

    Returns:
        The key of the object.
    """
    key = f"{RESTOCKS_PREFIX}{sha256(run.encode()).hexdigest()[:16]}.json"
    lines = [json.dumps(asdict(restock), default=date.isoformat) + "\n" for restock in restocks]
    client.put_object(Bucket=bucket, Key=key, Body="".join(lines).encode())
    return key
