"""The one place that touches MiniStack: its two registries, and its settings.

MiniStack keeps its services in ``ministack.app.SERVICE_HANDLERS`` and its CloudFormation
types in ``ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS``. Ours replace
or are added to both. A contract test pins the version and the shape of the two.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from localaws.errors import AwsError
from localaws.service import Params, ResourceType
from localaws.wire import Answer, Wire

MINISTACK_VERSION = "1.5.33"

NOT_EMULATED: tuple[str, ...] = (
    "MiniStack doesn't check the properties of the CloudFormation types that it provisions itself: "
    "an unknown property, or a word that AWS would refuse, is accepted (cfn-lint finds both)",
    "A template with a reference to nothing, or a parameter that it doesn't declare, is accepted",
    "A function whose package isn't in S3 is created",
    "Encryption, lifecycle rules, point-in-time recovery and the time to live of a table's items "
    "in a template do nothing",
    "Permissions of roles are not evaluated",
    "What was written since the last clean stop is lost when the process is killed (kill -9)",
)

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]


def configure(host: str, port: int, account: str, region: str, data_dir: Path | None) -> None:
    """Set what MiniStack reads from the environment when it is imported.

    Args:
        data_dir: where the state is kept between runs, or None to keep nothing.
    """
    if "ministack.app" in sys.modules:
        raise RuntimeError("MiniStack is imported already: its settings can't be changed")
    settings = {
        "BIND_HOST": host,
        "MINISTACK_HOST": host,
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_REGION": region,
        "LAMBDA_EXECUTOR": "local",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": os.environ.get("SALESFLOW_AWS_LOG_LEVEL", "WARNING"),
    }
    if data_dir is not None:
        settings |= {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(data_dir / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(data_dir / "s3"),
        }
    os.environ.update(settings)
    # Lambda functions inherit these, and would call another AWS than this one.
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        del os.environ[name]


def app() -> Any:
    """MiniStack's ASGI application."""
    from ministack import app as ministack_app

    return ministack_app.app


def add_service(name: str, wire: Wire, account: str, region: str, *, pass_on: bool = False) -> None:
    """Answer a service's requests ourselves.

    Args:
        pass_on: give MiniStack's own handler the operations that the wire has none for
            (Glue: the catalogue is MiniStack's, crawlers and classifiers are ours).
    """
    from ministack import app as ministack_app
    from ministack.core.responses import get_account_id, get_region

    original: Handler = ministack_app.SERVICE_HANDLERS[name]

    async def handler(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
    ) -> Answer:
        if pass_on and wire.operation_name(method, path, headers) not in wire.operations:
            return await original(method, path, headers, body, query)
        if (get_account_id(), get_region()) != (account, region):
            foreign = AwsError(
                "AccessDeniedException",
                f"this local AWS has account {account} in {region}, "
                f"not {get_account_id()} in {get_region()}",
            )
            return wire.failure(foreign)
        return await asyncio.to_thread(wire.handle, method, path, headers, body, query)

    ministack_app.SERVICE_HANDLERS[name] = handler


def add_resource_type(resource: ResourceType) -> None:
    """Provision a CloudFormation type ourselves."""
    from ministack.services.cloudformation import provisioners

    def create(logical_id: str, properties: Params, stack: str) -> tuple[str, Params]:
        with _Reported(resource.type_name):
            return resource.create(properties, _default_name(stack, logical_id))

    def update(
        physical_id: str, old: Params, new: Params, stack: str, logical_id: str
    ) -> tuple[str, Params]:
        with _Reported(resource.type_name):
            if any(old.get(name) != new.get(name) for name in resource.create_only):
                created = resource.create(new, _default_name(stack, logical_id, str(new)))
                resource.delete(physical_id, old)
                return created
            return physical_id, resource.update(physical_id, old, new)

    def delete(physical_id: str, properties: Params) -> None:
        with _Reported(resource.type_name):
            resource.delete(physical_id, properties)

    provisioners._RESOURCE_HANDLERS[resource.type_name] = {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": delete,
    }


class _Reported:
    """Turns an AwsError into the ValueError whose text MiniStack puts into the stack event."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, AwsError):
            raise ValueError(f"{self.type_name}: {error}") from error


def _default_name(stack: str, logical_id: str, generation: str = "") -> str:
    """The name that CloudFormation gives: stack, logical id, and a suffix that stays the same
    until the resource is replaced."""
    suffix = hashlib.sha256(f"{stack}/{logical_id}/{generation}".encode()).hexdigest()[:12]
    return f"{stack}-{logical_id}"[:50] + f"-{suffix.upper()}"
