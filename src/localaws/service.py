"""What a service of the local AWS consists of: its API, its CloudFormation types, its clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import boto3
from botocore.config import Config

Params = dict[str, Any]
Operation = Callable[[Params], Params]


@dataclass(frozen=True)
class Aws:
    """The one account and region that a local AWS serves, and the way to its other services."""

    endpoint_url: str
    account: str = "000000000000"
    region: str = "us-east-1"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def client(self, service: str) -> Any:
        """A boto3 client of this AWS; made once per service, safe to share between threads."""
        return _client(service, self.endpoint_url, self.region)


@cache
def _client(service: str, endpoint_url: str, region: str) -> Any:
    # The service's name is known at run time only, which boto3's types have no signature for.
    make: Any = boto3.session.Session().client
    return make(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the local AWS checks no credentials
        # The movers retry as AWS documents it for each hop, so botocore must not.
        config=Config(
            retries={"total_max_attempts": 1},
            # A synchronous invocation of a Lambda function may take 15 minutes.
            read_timeout=900,
            max_pool_connections=32,
            s3={"addressing_style": "path"},
        ),
    )


class ResourceType:
    """One CloudFormation type, provisioned through the service's own API operations.

    The methods run on the server's event loop: they change the service's state and
    never call another service.
    """

    #: The CloudFormation type, such as ``AWS::Pipes::Pipe``.
    type_name: ClassVar[str]
    #: Properties whose change replaces the resource, as the CloudFormation reference has it.
    create_only: ClassVar[frozenset[str]] = frozenset()

    def create(self, properties: Params, default_name: str) -> tuple[str, Params]:
        """Create the resource; returns its physical id and its Fn::GetAtt attributes.

        Args:
            properties: as the template has them, references resolved; numbers and booleans that
                come from stack parameters are strings (see ``wire.coerce``).
            default_name: the name for a resource whose template gives none.
        """
        raise NotImplementedError

    def update(self, physical_id: str, old: Params, new: Params) -> Params:
        """Change the resource in place; returns its attributes."""
        raise NotImplementedError

    def delete(self, physical_id: str, properties: Params) -> None:
        """Delete the resource; one that is gone already is no error."""
        raise NotImplementedError


class Service:
    """A service of the local AWS: state, operations, and a clock that others turn.

    Operations run in worker threads, so they may call other services through
    ``self.aws.client``. ``step`` is called by one thread only; state that both touch is
    guarded by ``self.lock``.
    """

    #: The key in MiniStack's service registry and of botocore's service model.
    name: ClassVar[str]
    #: This service's own codes for `ValidationException` and the like, where they differ.
    error_codes: ClassVar[Mapping[str, str]] = {}
    #: Operations that aren't ours go to MiniStack's handler instead of being refused.
    passes_on: ClassVar[bool] = False
    #: The state is whole at any time under the lock, not between two steps only.
    saved_at_once: ClassVar[bool] = False
    #: Seconds between two steps when nothing wakes the service earlier; a service may change it.
    pause: float = 0.2

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.lock = threading.RLock()
        #: Set it to have ``step`` called at once.
        self.wake = threading.Event()

    def operations(self) -> Mapping[str, Operation]:
        """API operations by name; each takes and returns what boto3 gives and takes:
        blobs are bytes, timestamps are aware datetimes."""
        raise NotImplementedError

    def resource_types(self) -> list[ResourceType]:
        """The CloudFormation types that this service provisions."""
        return []

    def step(self, now: datetime) -> bool:
        """Do everything that is due at ``now`` (UTC).

        Returns:
            True if there may be more to do at once (the caller then steps again without a
            pause), False if the service waits for time to pass or for data to arrive.
        """
        del now
        return False

    def snapshot(self) -> Params:
        """The state that survives a restart, as JSON types."""
        return {}

    def restore(self, state: Params) -> None:
        """Take up the state that ``snapshot`` gave."""

    def reset(self) -> None:
        """Forget everything."""
