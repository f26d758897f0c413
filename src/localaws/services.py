"""Our services, in the order in which data flows through them."""

from localaws.athena.service import AthenaService
from localaws.event_sources.service import EventSources
from localaws.firehose.service import Firehose
from localaws.glue.service import Glue
from localaws.pipes.service import Pipes
from localaws.service import Service

ALL: list[type[Service]] = [
    Pipes,
    EventSources,
    Firehose,
    Glue,
    AthenaService,
]
