"""The wire between AWS clients and our services, driven by botocore's service models.

Requests are checked against the model (unknown and missing parameters, types, lengths,
ranges) and turned into Python types; answers are turned back. A service therefore sees
and returns exactly what boto3 sends and gives.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore.model import (
    ListShape,
    MapShape,
    OperationModel,
    ServiceModel,
    Shape,
    StringShape,
    StructureShape,
)
from botocore.validate import ParamValidator

from localaws.errors import AwsError
from localaws.service import Operation, Params

log = logging.getLogger(__name__)

Answer = tuple[int, dict[str, str], bytes]

_TRUE_FALSE = {"true": True, "false": False}


@cache
def service_model(name: str) -> ServiceModel:
    """botocore's model of a service (`botocore.loaders`)."""
    return botocore.session.get_session().get_service_model(name)


def input_shape(service: str, operation: str) -> StructureShape:
    """The parameters of an operation, in botocore's model."""
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        raise ValueError(f"{service}:{operation} has no parameters")
    return shape


def coerce(shape: Shape, value: Any) -> Any:
    """Turn JSON (or CloudFormation) values into the Python types that boto3 uses for a shape.

    CloudFormation passes parameters on as strings, so ``"60"`` is accepted for an integer and
    ``"true"`` for a boolean. Keys that the shape doesn't know are kept, for `validate` to name.
    """
    if value is None:
        return None
    match shape, value:
        case StructureShape(), Mapping():
            names = {m.serialization.get("name", n): n for n, m in shape.members.items()}
            members = {names.get(key, key): item for key, item in value.items()}
            return {
                name: coerce(shape.members[name], item) if name in shape.members else item
                for name, item in members.items()
                if item is not None
            }
        case ListShape(), list():
            return [coerce(shape.member, item) for item in value]
        case MapShape(), Mapping():
            return {key: coerce(shape.value, item) for key, item in value.items()}
    match shape.type_name, value:
        case "blob", str():
            return base64.b64decode(value)
        case "timestamp", int() | float():
            return datetime.fromtimestamp(value, UTC)
        case "timestamp", str():
            return datetime.fromisoformat(value)
        case "boolean", str():
            return _TRUE_FALSE.get(value.lower(), value)
        case "integer" | "long", str() if re.fullmatch(r"-?\d+", value):
            return int(value)
        case "float" | "double", str() if re.fullmatch(r"-?\d+(\.\d+)?", value):
            return float(value)
    return value


def to_json(shape: Shape | None, value: Any) -> Any:
    """Turn a service's answer into JSON types, leaving out members that are None."""
    match shape:
        case None:
            return {}
        case StructureShape():
            unknown = value.keys() - shape.members.keys()
            if unknown:
                raise TypeError(f"{shape.name} has no member {', '.join(sorted(unknown))}")
            return {
                shape.members[name].serialization.get("name", name): to_json(
                    shape.members[name], item
                )
                for name, item in value.items()
                if item is not None
            }
        case ListShape():
            return [to_json(shape.member, item) for item in value]
        case MapShape():
            return {key: to_json(shape.value, item) for key, item in value.items()}
    match shape.type_name:
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            return value.timestamp()
    return value


def validate(shape: Shape, params: Params) -> None:
    """Check parameters against the model: names, types, lengths, ranges and enumerations.

    Raises:
        AwsError: ValidationException with every fault in one message.
    """
    report = ParamValidator().validate(params, shape)
    faults = [report.generate_report()] if report.has_errors() else []
    faults += _other_faults(shape, params, "")
    if faults:
        raise AwsError("ValidationException", "; ".join(faults))


def _other_faults(shape: Shape, value: Any, path: str) -> list[str]:
    """botocore leaves enumerations and upper bounds to the server, so they are checked here."""
    match shape, value:
        case StructureShape(), Mapping():
            return [
                fault
                for name, item in value.items()
                if name in shape.members
                for fault in _other_faults(shape.members[name], item, f"{path}.{name}".lstrip("."))
            ]
        case ListShape(), list():
            return _too_much(shape, len(value), "length", path) + [
                fault
                for index, item in enumerate(value)
                for fault in _other_faults(shape.member, item, f"{path}[{index}]")
            ]
        case StringShape(), str() if shape.enum and value not in shape.enum:
            return [f"value {value!r} at {path!r} is not one of {', '.join(shape.enum)}"]
    match value:
        case str() | bytes():
            return _too_much(shape, len(value), "length", path)
        case int() | float():
            return _too_much(shape, value, "value", path)
    return []


def _too_much(shape: Shape, size: float, measure: str, path: str) -> list[str]:
    most = shape.metadata.get("max")
    if most is None or size <= most:
        return []
    return [
        f"Value at {path!r} failed to satisfy constraint: "
        f"Member must have {measure} less than or equal to {most}"
    ]


class Wire:
    """One service behind HTTP: finds the operation, checks it, runs it, answers.

    Args:
        service_name: botocore's name of the service, such as ``athena``.
        operations: by operation name.
        error_codes: names this service's own codes for the general faults, where they differ
            (Firehose and Athena say ``InvalidArgumentException``/``InvalidRequestException``).
    """

    def __init__(
        self,
        service_name: str,
        operations: Mapping[str, Operation],
        error_codes: Mapping[str, str] | None = None,
    ) -> None:
        self.model = service_model(service_name)
        self.operations = operations
        self._codes = error_codes or {}
        unknown = operations.keys() - set(self.model.operation_names)
        if unknown:
            raise ValueError(f"{service_name} has no operation {', '.join(sorted(unknown))}")

    def operation_name(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        """The operation that a request asks for, or None if the model has no such request."""
        target = headers.get("x-amz-target", "")
        if target:
            return target.rpartition(".")[2]
        for matching in (_path_params, _loose_path_params):
            for name in self.model.operation_names:
                http = self.model.operation_model(name).http
                if http.get("method") == method and matching(http["requestUri"], path) is not None:
                    return str(name)
        return None

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Params
    ) -> Answer:
        """Answer one request; errors are answered too, in AWS's shape."""
        try:
            operation = self._operation(self.operation_name(method, path, headers) or path)
            params = self._params(operation, path, body, query)
            if operation.input_shape is not None:
                validate(operation.input_shape, params)
            result = self.operations[operation.name](params)
        except AwsError as error:
            return self.failure(error)
        payload = json.dumps(to_json(operation.output_shape, result))
        status = operation.http.get("responseCode", HTTPStatus.OK)
        return status, {"Content-Type": self._content_type()}, payload.encode()

    def _operation(self, name: str) -> OperationModel:
        if name not in self.model.operation_names:
            raise AwsError("UnknownOperationException", f"no operation {name}")
        if name not in self.operations:
            raise AwsError(
                "UnsupportedOperation",
                f"the local AWS does not support {self.model.service_name}:{name}",
                501,
            )
        return self.model.operation_model(name)

    def _params(self, operation: OperationModel, path: str, body: bytes, query: Params) -> Params:
        shape = operation.input_shape
        try:
            raw: Any = json.loads(body) if body else {}
        except ValueError as error:
            raise AwsError("SerializationException", f"the body is not JSON: {error}") from error
        if not isinstance(raw, dict):
            raise AwsError("SerializationException", "the body is not a JSON object")
        if not isinstance(shape, StructureShape):
            return {}
        params: Params = coerce(shape, raw)
        template = operation.http.get("requestUri", "/")
        in_path = _path_params(template, path) or _loose_path_params(template, path) or {}
        for name, member in shape.members.items():
            wire_name = member.serialization.get("name", name)
            location = member.serialization.get("location")
            if location == "uri" and wire_name in in_path:
                params[name] = in_path[wire_name]
            elif location == "querystring" and wire_name in query:
                values = query[wire_name]
                if member.type_name == "list":
                    params[name] = list(values)
                else:
                    params[name] = coerce(member, values[0])
        return params

    def _content_type(self) -> str:
        version = self.model.metadata.get("jsonVersion")
        return f"application/x-amz-json-{version}" if version else "application/json"

    def failure(self, error: AwsError) -> Answer:
        """An error as this service answers it."""
        code = self._codes.get(error.code, error.code)
        body = json.dumps({"__type": code, "message": error.message, "Message": error.message})
        headers = {"Content-Type": self._content_type(), "x-amzn-ErrorType": code}
        return error.status, headers, body.encode()


def _path_params(template: str, path: str, label: str = "[^/]+") -> dict[str, str] | None:
    """Match a path with a model's ``requestUri``, such as ``/v1/pipes/{Name}``. Some clients end
    it with a slash."""
    match = _path_pattern(template, label).fullmatch(path.rstrip("/"))
    return {k: unquote(v) for k, v in match.groupdict().items()} if match else None


@cache
def _path_pattern(template: str, label: str) -> re.Pattern[str]:
    template = template.partition("?")[0].rstrip("/")
    return re.compile(re.sub(r"\\{(\w+)\\}", rf"(?P<\1>{label})", re.escape(template)))


def _loose_path_params(template: str, path: str) -> dict[str, str] | None:
    """The same for a label with slashes: a client escapes them, and MiniStack hands on the path
    unescaped."""
    return _path_params(template, path, ".+")
