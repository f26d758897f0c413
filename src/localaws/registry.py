"""The one place that touches MiniStack: its two registries, its settings, and its state.

MiniStack keeps its services in ``ministack.app.SERVICE_HANDLERS`` and its CloudFormation
types in ``ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS``. Ours replace
or are added to both. With a data directory, every handler is also followed by our keeper, which
reads the state where MiniStack has it. A contract test pins the version and the shape of all this.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from localaws.durable import objects
from localaws.durable.directory import DataDirectory, NotKept
from localaws.durable.keeper import Keeper
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
    "With a data directory what was acknowledged survives the end of the process, however it ends, "
    "but not a power cut: nothing is forced to the disk",
    "Metrics and logs are kept at a clean stop only, multipart uploads under way not at all",
)

#: The folder of a data directory where S3's objects are.
_OBJECTS: Final = "s3"

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]


def configure(
    host: str, endpoint_url: str, account: str, region: str, data_dir: Path | None
) -> None:
    """Set what MiniStack reads from the environment when it is imported.

    Args:
        host: the address or name to listen on.
        endpoint_url: where what runs on this machine reaches the server.
        data_dir: where the state is kept between runs, or None to keep nothing.
    """
    if "ministack.app" in sys.modules:
        raise RuntimeError("MiniStack is imported already: its settings can't be changed")
    settings = {
        "BIND_HOST": host,
        "MINISTACK_HOST": host,
        "GATEWAY_PORT": str(urlsplit(endpoint_url).port),
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_REGION": region,
        "LAMBDA_EXECUTOR": "local",
        # It would look after containers; none of this machine's is ours.
        "DOCKER_HOST": "unix:///dev/null/none",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": os.environ.get("SALESFLOW_AWS_LOG_LEVEL", "WARNING"),
    }
    if data_dir is not None:
        settings |= {
            # Its own saving is at a clean stop only; packages of functions are files there.
            "PERSIST_STATE": "0",
            "STATE_DIR": str(data_dir / "functions"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(data_dir / _OBJECTS),
        }
    os.environ.update(settings)
    # Lambda functions inherit these, and would call another AWS than this one.
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        del os.environ[name]
    if urlsplit(endpoint_url).hostname != "127.0.0.1":
        # MiniStack sends functions to loopback, where a server with another name isn't.
        os.environ["AWS_ENDPOINT_URL"] = endpoint_url


def app() -> Any:
    """MiniStack's ASGI application."""
    from ministack import app as ministack_app

    return ministack_app.app


def add_service(
    name: str,
    wire: Wire,
    account: str,
    region: str,
    *,
    pass_on: bool = False,
    keep: Callable[[str], None] = lambda _operation: None,
) -> None:
    """Answer a service's requests ourselves.

    Args:
        pass_on: give MiniStack's own handler the operations that the wire has none for
            (Glue: the catalogue is MiniStack's, crawlers and classifiers are ours).
        keep: called with each operation that was carried out, before it is answered; raises
            NotKept if the answer would promise too much.
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
        answer = await asyncio.to_thread(wire.handle, method, path, headers, body, query)
        try:
            await asyncio.to_thread(keep, wire.operation_name(method, path, headers) or "")
        except NotKept as error:
            return _failure(headers, str(error))
        return answer

    ministack_app.SERVICE_HANDLERS[name] = handler


def add_resource_type(resource: ResourceType, changed: Callable[[], object] = lambda: None) -> None:
    """Provision a CloudFormation type ourselves.

    Args:
        changed: called when a resource was made, changed or deleted.
    """
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

    def told(action: Callable[..., Any]) -> Callable[..., Any]:
        def act(*given: Any) -> Any:
            done = action(*given)
            changed()
            return done

        return act

    provisioners._RESOURCE_HANDLERS[resource.type_name] = {
        "create": told(create),
        "update": told(update),
        "update_with_logical_id": True,
        "delete": told(delete),
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


# ---------------------------------------------------------------------- state

#: The dictionaries of the modules that are kept record by record: as MiniStack's own get_state
#: names them, and (DynamoDB's streams) what that forgets.
KEPT_STORES: Final[Mapping[str, tuple[str, ...]]] = {
    "dynamodb": (
        "tables",
        "tags",
        "ttl_settings",
        "pitr_settings",
        "kinesis_destinations",
        "contributor_insights",
        "backups",
        "resource_policies",
        "exports",
        "imports",
        "stream_records",
        "stream_trimmed",
        "closed_streams",
    ),
    "kinesis": ("streams", "shard_iterators", "consumers", "resource_policies"),
    "sqs": ("queues", "queue_name_to_url"),
    "cloudformation": ("stacks", "stack_events", "exports", "change_sets"),
}
#: What grows with time and may be lost.
_GROWING: Final[Mapping[str, frozenset[str]]] = {
    "cloudwatch": frozenset({"metrics"}),
}
#: Seconds until what a request has set off has happened.
_SETTLED: Final = 1.0
_READINGS: Final = 100


class _MiniStack:
    """MiniStack's state, where it has it."""

    def __init__(self) -> None:
        from ministack import app as ministack_app
        from ministack.core import persistence

        self._app = ministack_app
        self._persistence = persistence
        self._object_failure: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.settle: Callable[[], None] = lambda: None

    def stores(self, module: str) -> Mapping[str, dict[tuple[str, str, str], Any]]:
        loaded = self._app._get_module(module)
        return {name: getattr(loaded, f"_{name}")._data for name in KEPT_STORES[module]}

    def modules(self) -> Collection[str]:
        return {
            name
            for name in self._app._registry_module_names()
            if hasattr(sys.modules.get(f"ministack.services.{name}"), "get_state")
        }

    def rows(self, module: str, *, everything: bool) -> dict[str, bytes]:
        state = _read_state(sys.modules[f"ministack.services.{module}"])
        left_out = frozenset() if everything else _GROWING.get(module, frozenset())
        rows: dict[str, bytes] = {}
        for name, value in state.items():
            if name in left_out:
                continue
            if not hasattr(value, "_data"):
                rows[name] = self._json(value)
                continue
            scoped = self._persistence._json_default(value)
            (kind,) = scoped.keys() - {"data"}
            for key, entry in scoped["data"].items():
                rows[f"{name}\n{kind}\n{key}"] = self._json(entry)
        return rows

    def take(self, module: str, rows: Mapping[str, bytes]) -> None:
        state: dict[str, Any] = {}
        for row, value in rows.items():
            entry = json.loads(value, object_hook=self._persistence._json_object_hook)
            name, scoped, rest = row.partition("\n")
            if not scoped:
                state[name] = entry
                continue
            kind, _, key = rest.partition("\n")
            state.setdefault(name, {kind: True, "data": {}})["data"][key] = entry
        hook = self._persistence._json_object_hook
        state = {
            name: hook(value) if isinstance(value, dict) else value for name, value in state.items()
        }
        self._app._get_module(module).load_persisted_state(state)

    def _json(self, value: Any) -> bytes:
        return json.dumps(
            value, default=self._persistence._json_default, separators=(",", ":")
        ).encode()

    def object_failure(self) -> str | None:
        failure, self._object_failure = self._object_failure, None
        return failure

    def object_failed(self, error: OSError) -> None:
        self._object_failure = f"an object of S3 can't be written: {error}"

    def later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SETTLED, self._settle)

    def _settle(self) -> None:
        self._timer = None
        self.settle()


def _read_state(module: Any) -> dict[str, Any]:
    """A module's state; other threads may be changing it (Glue's requests have their own)."""
    for _ in range(_READINGS):
        try:
            return module.get_state() or {}
        except RuntimeError:  # a dictionary has changed while it was copied
            time.sleep(0)
    raise NotKept(f"the state of {module.__name__} doesn't stay the same while it is read")


def keep_state(directory: DataDirectory, saved: Callable[[], None]) -> Keeper:
    """Give MiniStack the state of a data directory, and write there what changes from now on.

    Called when our services are added, since their handlers are followed too.

    Args:
        saved: returns when our services' resources are saved; raises NotKept. An answer of
            CloudFormation waits for it.

    Raises:
        DirectoryRefused: the state can't be taken up.
    """
    ministack_app = importlib.import_module("ministack.app")
    # The objects are found when the module is imported.
    objects.mend(directory.path / _OBJECTS)
    dynamodb, functions, s3 = (
        ministack_app._get_module(name) for name in ("dynamodb", "lambda_svc", "s3")
    )
    # The package of a function is needed until the row that names it is replaced.
    functions._prune_orphan_code_blobs = lambda _referenced: None
    ministack = _MiniStack()
    keeper = Keeper(directory, ministack)
    ministack.settle = keeper.settle
    keeper.load(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    _follow_items(dynamodb, keeper)
    _follow_objects(s3, ministack)
    for name, handler in list(ministack_app.SERVICE_HANDLERS.items()):
        config = ministack_app.SERVICE_REGISTRY.get(name, {})
        modules = frozenset({config.get("module", name), *config.get("sub_modules", ())})
        if name == "s3":
            # Requests by the bucket's host name go to the module, and so do the others in the end.
            s3.handle_request = _followed(s3.handle_request, modules, keeper)
        else:
            wait = saved if name == "cloudformation" else None
            ministack_app.SERVICE_HANDLERS[name] = _followed(handler, modules, keeper, wait)
    return keeper


def _followed(
    original: Callable[..., Any],
    modules: frozenset[str],
    keeper: Keeper,
    wait: Callable[[], None] | None = None,
) -> Handler:
    """A handler whose answer isn't given before what it did is written."""

    async def handler(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
        **more: Any,
    ) -> Answer:
        answer: Answer = await original(method, path, headers, body, query, **more)
        try:
            if wait is not None:
                await asyncio.to_thread(wait)
            keeper.request(modules, _action(method, path, headers, body, query))
        except NotKept as error:
            return _failure(headers, str(error))
        return answer

    return handler


def _action(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> str:
    """The operation that is asked for; the HTTP method where the path says which it is."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if "/operation/" in path:
        return path.rpartition("/operation/")[2]
    if "Action" in query:
        return query["Action"][0]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        given = parse_qs(body.decode(errors="replace")).get("Action")
        return given[0] if given else method
    is_invocation = path.endswith("/invocations")
    # An object is a file already; what is left of S3's state belongs to buckets.
    is_object = "/s3/" in headers.get("authorization", "") and "/" in path.strip("/")
    return "GET" if is_invocation or is_object else method


def _follow_items(dynamodb: Any, keeper: Keeper) -> None:
    """Tell of every item that is written: all writers of the module call these three."""
    put, remove, replaced = dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced

    def set_item(table: dict[str, Any], partition: str, sort: str, item: Any) -> Any:
        keeper.tables.touch(table, partition, sort)
        return put(table, partition, sort, item)

    def remove_item(table: dict[str, Any], partition: str, sort: str) -> Any:
        keeper.tables.touch(table, partition, sort)
        return remove(table, partition, sort)

    def items_replaced(table: dict[str, Any]) -> None:
        keeper.tables.touch_all(table)
        replaced(table)

    dynamodb._set_item, dynamodb._remove_item = set_item, remove_item
    dynamodb._items_replaced = items_replaced


def _follow_objects(s3: Any, ministack: _MiniStack) -> None:
    """Tell of objects that could not be written: MiniStack logs it, and answers 200."""
    write = s3._atomic_write

    def atomic_write(path: str, data: Any, *, text: bool = False) -> None:
        try:
            write(path, data, text=text)
        except OSError as error:
            ministack.object_failed(error)
            raise

    s3._atomic_write = atomic_write


def _failure(headers: Mapping[str, str], message: str) -> Answer:
    """An answer that clients of any protocol take for a failure of the server."""
    speaks_json = "x-amz-target" in headers or "json" in headers.get("content-type", "")
    if speaks_json:
        body = json.dumps({"__type": "InternalServerError", "message": message})
        kind = "application/x-amz-json-1.0"
    else:
        fault = f"<Code>InternalError</Code><Message>{escape(message)}</Message>"
        body = f"<ErrorResponse><Error>{fault}</Error></ErrorResponse>"
        kind = "application/xml"
    return int(HTTPStatus.INTERNAL_SERVER_ERROR), {"Content-Type": kind}, body.encode()
