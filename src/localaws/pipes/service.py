"""The API of EventBridge Pipes.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/Welcome.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import ClassVar, Final

from botocore.exceptions import BotoCoreError, ClientError

from localaws.errors import AwsError
from localaws.metrics import Metrics
from localaws.pipes.mover import Mover, SourceGone
from localaws.pipes.resource import PipeType
from localaws.pipes.settings import settings_of, with_defaults
from localaws.service import Aws, Operation, Params, ResourceType, Service

log = logging.getLogger(__name__)

NOT_EMULATED: Final[tuple[str, ...]] = (
    "Sources other than DynamoDB streams and targets other than Kinesis data streams are refused.",
    "Enrichment, InputTemplate, LogConfiguration and KmsKeyIdentifier are refused.",
    "A ParallelizationFactor other than 1 is refused.",
    "The filter operators wildcard and cidr are refused.",
    "Dead letters go to SQS queues only; SNS topics are refused.",
    "The pipe's role is not assumed, so a missing permission goes unnoticed.",
    "A pipe is not stopped for continuous errors of its target.",
    "A pipe whose StartingPosition changes in a template is not replaced; the update is refused.",
)

_MOVES_TO: Final = {
    "CREATING": "RUNNING",
    "STARTING": "RUNNING",
    "STOPPING": "STOPPED",
}
_PAGE_SIZE: Final = 100
# A pipe's states at rest, in which it can be told what to do next.
_SETTLED: Final = frozenset({"RUNNING", "STOPPED", "CREATE_FAILED", "START_FAILED"})
# Seconds between two looks at the source, while something moves and when nothing does. AWS looks
# four times a second; fewer looks at more records are cheaper.
_QUICK: Final = 0.2
_SLOW: Final = 0.5


@dataclass
class Pipe:
    """A pipe. `definition` has the parameters of CreatePipe, but not the name."""

    name: str
    arn: str
    definition: Params
    created: str
    modified: str
    state: str = "CREATING"
    reason: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def desired(self) -> str:
        """The state that was asked for."""
        return str(self.definition.get("DesiredState", "RUNNING"))

    def summary(self) -> Params:
        """What all operations tell of a pipe."""
        return {
            "Arn": self.arn,
            "Name": self.name,
            "DesiredState": self.desired,
            "CurrentState": self.state,
            "CreationTime": datetime.fromisoformat(self.created),
            "LastModifiedTime": datetime.fromisoformat(self.modified),
        }


class Pipes(Service):
    """EventBridge Pipes, from DynamoDB streams to Kinesis data streams."""

    name: ClassVar[str] = "pipes"

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self._pipes: dict[str, Pipe] = {}
        self._movers: dict[str, Mover] = {}
        self._metrics = Metrics(aws, "AWS/EventBridge/Pipes")

    def operations(self) -> Mapping[str, Operation]:
        """All operations of the service."""
        return {
            "CreatePipe": self.create_pipe,
            "DescribePipe": self.describe_pipe,
            "UpdatePipe": self.update_pipe,
            "DeletePipe": self.delete_pipe,
            "ListPipes": self.list_pipes,
            "StartPipe": self.start_pipe,
            "StopPipe": self.stop_pipe,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags,
        }

    def resource_types(self) -> list[ResourceType]:
        """The pipe."""
        return [PipeType(self)]

    # ------------------------------------------------------------------ operations

    def create_pipe(self, params: Params) -> Params:
        """CreatePipe."""
        name = params["Name"]
        definition = {k: v for k, v in params.items() if k not in {"Name", "Tags"}}
        settings_of(definition)
        definition["SourceParameters"] = with_defaults(definition["SourceParameters"])
        with self.lock:
            if name in self._pipes:
                raise AwsError(
                    "ConflictException", f"Pipe {name} already exists.", HTTPStatus.CONFLICT
                )
            now = _now()
            pipe = Pipe(name, self.aws.arn("pipes", f"pipe/{name}"), definition, now, now)
            pipe.tags = dict(params.get("Tags", {}))
            self._pipes[name] = pipe
        self.wake.set()
        return pipe.summary()

    def describe_pipe(self, params: Params) -> Params:
        """DescribePipe."""
        with self.lock:
            pipe = self._pipe(params["Name"])
            shown = {k: v for k, v in pipe.definition.items() if k != "DesiredState"}
            return {
                **shown,
                **pipe.summary(),
                "StateReason": pipe.reason,
                "Tags": dict(pipe.tags),
            }

    def update_pipe(self, params: Params) -> Params:
        """UpdatePipe. Parameters of a source or target replace the old ones as a whole."""
        with self.lock:
            pipe = self._settled(params["Name"])
            definition = {**pipe.definition, **{k: v for k, v in params.items() if k != "Name"}}
            if "SourceParameters" in params:
                before = pipe.definition["SourceParameters"]
                given = params["SourceParameters"]
                source = with_defaults({**before, **given})
                start = before["DynamoDBStreamParameters"]["StartingPosition"]
                source["DynamoDBStreamParameters"]["StartingPosition"] = start
                definition["SourceParameters"] = source
            settings_of(definition)
            pipe.definition = definition
            pipe.state, pipe.reason = "UPDATING", None
            pipe.modified = _now()
        self.wake.set()
        return pipe.summary()

    def delete_pipe(self, params: Params) -> Params:
        """DeletePipe."""
        with self.lock:
            pipe = self._pipe(params["Name"])
            pipe.state = "DELETING"
        self.wake.set()
        return pipe.summary()

    def list_pipes(self, params: Params) -> Params:
        """ListPipes."""
        with self.lock:
            pipes = [self._pipes[name] for name in sorted(self._pipes)]
        chosen = [
            pipe
            for pipe in pipes
            if pipe.name.startswith(params.get("NamePrefix", ""))
            and pipe.definition["Source"].startswith(params.get("SourcePrefix", ""))
            and pipe.definition["Target"].startswith(params.get("TargetPrefix", ""))
            and params.get("DesiredState", pipe.desired) == pipe.desired
            and params.get("CurrentState", pipe.state) == pipe.state
            and pipe.name > params.get("NextToken", "")
        ]
        limit = params.get("Limit", _PAGE_SIZE)
        page = chosen[:limit]
        return {
            "Pipes": [
                {
                    **pipe.summary(),
                    "StateReason": pipe.reason,
                    "Source": pipe.definition["Source"],
                    "Target": pipe.definition["Target"],
                }
                for pipe in page
            ],
            "NextToken": page[-1].name if len(chosen) > limit else None,
        }

    def start_pipe(self, params: Params) -> Params:
        """StartPipe."""
        return self._ask_for(params["Name"], "RUNNING", "STARTING")

    def stop_pipe(self, params: Params) -> Params:
        """StopPipe."""
        return self._ask_for(params["Name"], "STOPPED", "STOPPING")

    def tag_resource(self, params: Params) -> Params:
        """TagResource."""
        with self.lock:
            self._by_arn(params["resourceArn"]).tags.update(params["tags"])
        return {}

    def untag_resource(self, params: Params) -> Params:
        """UntagResource."""
        with self.lock:
            tags = self._by_arn(params["resourceArn"]).tags
            for key in params["tagKeys"]:
                tags.pop(key, None)
        return {}

    def list_tags(self, params: Params) -> Params:
        """ListTagsForResource."""
        with self.lock:
            return {"tags": dict(self._by_arn(params["resourceArn"]).tags)}

    def retag(self, name: str, tags: Mapping[str, str]) -> None:
        """Give a pipe these tags and no others."""
        with self.lock:
            self._pipe(name).tags = dict(tags)

    def _ask_for(self, name: str, desired: str, state: str) -> Params:
        with self.lock:
            pipe = self._settled(name)
            if pipe.state == desired:
                raise _conflict(f"Pipe {name} is {desired} already.")
        # "You cannot stop, start, or update a pipe whose source is disabled."
        try:
            self._mover(pipe).check_source()
        except SourceGone as gone:
            raise AwsError("ValidationException", f"Pipe {name}: {gone}.") from gone
        with self.lock:
            pipe.definition = {**pipe.definition, "DesiredState": desired}
            pipe.state, pipe.reason = state, None
        self.wake.set()
        return pipe.summary()

    def _pipe(self, name: str) -> Pipe:
        if name not in self._pipes:
            raise AwsError(
                "NotFoundException", f"Pipe {name} does not exist.", HTTPStatus.NOT_FOUND
            )
        return self._pipes[name]

    def _by_arn(self, arn: str) -> Pipe:
        return self._pipe(arn.rpartition("/")[2])

    def _settled(self, name: str) -> Pipe:
        pipe = self._pipe(name)
        if pipe.state not in _SETTLED:
            raise _conflict(f"Pipe {name} is {pipe.state}.")
        return pipe

    # ------------------------------------------------------------------ movement

    def settle(self, name: str) -> None:
        """Let a pipe arrive at the state that it is moving to."""
        with self.lock:
            pipe = self._pipes.get(name)
            if pipe is None:
                return
            if pipe.state == "DELETING":
                del self._pipes[name]
                self._movers.pop(name, None)
            elif pipe.state == "UPDATING":
                if name in self._movers:
                    self._movers[name].configure(settings_of(pipe.definition))
                pipe.state = pipe.desired
            elif pipe.state in _MOVES_TO:
                pipe.state = pipe.desired

    def step(self, now: datetime) -> bool:
        """Let states arrive, and running pipes move."""
        with self.lock:
            names = list(self._pipes)
        busy = moving = False
        for name in names:
            with self.lock:
                pipe = self._pipes.get(name)
                starting = pipe is not None and pipe.state in {"CREATING", "STARTING"}
            if pipe is None:
                continue
            if starting and not self._source_is_there(pipe):
                continue
            self.settle(name)
            if pipe.state == "RUNNING":
                busy = self._move(pipe, now) or busy
                moving = moving or not self._mover(pipe).idle
        self._metrics.send(now)
        self.pause = _QUICK if busy or moving else min(_SLOW, self.pause * 1.3)
        return busy

    def _move(self, pipe: Pipe, now: datetime) -> bool:
        try:
            return self._mover(pipe).step(now)
        except SourceGone as gone:
            with self.lock:
                pipe.state, pipe.reason = "STOPPED", str(gone)
        except (ClientError, BotoCoreError) as error:
            log.warning("pipe %s: %s", pipe.name, error)
        return False

    def _source_is_there(self, pipe: Pipe) -> bool:
        try:
            self._mover(pipe).check_source()
        except SourceGone as gone:
            with self.lock:
                failed = "CREATE_FAILED" if pipe.state == "CREATING" else "START_FAILED"
                pipe.state, pipe.reason = failed, str(gone)
            return False
        return True

    def _mover(self, pipe: Pipe) -> Mover:
        with self.lock:
            if pipe.name not in self._movers:
                self._movers[pipe.name] = Mover(
                    self.aws,
                    pipe.name,
                    pipe.arn,
                    settings_of(pipe.definition),
                    datetime.fromisoformat(pipe.created),
                    self._metrics,
                )
            return self._movers[pipe.name]

    # ------------------------------------------------------------------ state

    def snapshot(self) -> Params:
        """All pipes, with where they are and what they hold."""
        with self.lock:
            return {
                "pipes": [asdict(pipe) for pipe in self._pipes.values()],
                "movers": {name: mover.snapshot() for name, mover in self._movers.items()},
            }

    def restore(self, state: Params) -> None:
        """Take up the state that ``snapshot`` gave."""
        for saved in state["pipes"]:
            pipe = Pipe(**saved)
            self._pipes[pipe.name] = pipe
            # A pipe that had read nothing yet begins where it was created.
            mover = state["movers"].get(pipe.name, {"shards": {}, "changes": {}})
            self._mover(pipe).restore(mover, datetime.now(UTC))

    def reset(self) -> None:
        """Forget all pipes."""
        with self.lock:
            self._pipes.clear()
            self._movers.clear()
            self._metrics.clear()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message, HTTPStatus.CONFLICT)
