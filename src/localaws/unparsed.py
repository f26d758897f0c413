"""boto3 clients whose answers stay JSON, or become just what their caller needs of it.

A mover hands records on as JSON. botocore would turn every member into a Python object, timestamps
into datetimes and blobs into bytes, only for the mover to turn them back: for 20,000 changes that
costs more than moving them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
import botocore.session
import msgspec
from botocore.config import Config
from botocore.parsers import JSONParser, ResponseParserFactory

from localaws.service import Aws

_Types = Mapping[str, type[msgspec.Struct]]


class _AsSent(JSONParser):
    """Parses errors and metadata as ever, and the body as it is told."""

    def __init__(self, types: _Types) -> None:
        super().__init__()
        self._types = types

    def _handle_json_body(self, raw_body: bytes, shape: Any) -> Any:
        if not raw_body:
            return {}
        wanted = self._types.get(shape.name)
        if wanted is None:
            return msgspec.json.decode(raw_body)
        return msgspec.structs.asdict(msgspec.json.decode(raw_body, type=wanted))


class _Factory(ResponseParserFactory):
    def __init__(self, types: _Types) -> None:
        super().__init__()
        self._types = types

    def create_parser(self, protocol_name: str) -> Any:
        if protocol_name != "json":
            raise ValueError(
                f"only a service that speaks JSON can stay unparsed, not {protocol_name}"
            )
        return _AsSent(self._types)


def unparsed_client(aws: Aws, service: str, **types: type[msgspec.Struct]) -> Any:
    """A client of a JSON service; made once, safe to share between threads.

    In its answers a timestamp is a number of epoch seconds and a blob is base64 text. Its
    requests aren't checked before they are sent.

    Args:
        types: what answers are decoded to of which only some members are needed, by the name of
            their shape in the service's model. A member that is a ``msgspec.Raw`` stays text.
    """
    return _client(aws, service, tuple(sorted(types.items())))


@cache
def _client(aws: Aws, service: str, types: tuple[tuple[str, type[msgspec.Struct]], ...]) -> Any:
    session = botocore.session.get_session()
    session.register_component("response_parser_factory", _Factory(dict(types)))
    make: Any = boto3.session.Session(botocore_session=session).client
    return make(
        service,
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the local AWS checks no credentials
        config=Config(
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
            parameter_validation=False,
        ),
    )
