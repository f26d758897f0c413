"""Our services, in the order in which data flows through them."""

from localaws.service import Service

ALL: list[type[Service]] = []
