"""What a delivery stream is, apart from what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from localaws.service import Params

KINESIS: Final = "KinesisStreamAsSource"
DIRECT: Final = "DirectPut"


@dataclass
class DeliveryStream:
    """A delivery stream. `destination` is its ExtendedS3DestinationConfiguration."""

    name: str
    arn: str
    kind: str
    source: Params | None
    destination: Params
    created: str
    version: int = 1
    updated: str | None = None
    status: str = "CREATING"
    tags: dict[str, str] = field(default_factory=dict)
