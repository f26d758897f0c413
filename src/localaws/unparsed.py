"""boto3 clients whose answers stay the JSON that AWS sent.

A mover hands records on as JSON. botocore would turn timestamps into datetimes and blobs into
bytes, member by member, only for the mover to turn them back: for 20,000 changes that costs more
than moving them. So these clients decode the JSON of an answer and leave it at that.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.parsers import JSONParser, ResponseParserFactory

from localaws.service import Aws


class _AsSent(JSONParser):  # type: ignore[misc]  # botocore has no types
    """Parses errors and metadata as ever, and leaves the body as it is."""

    def _handle_json_body(self, raw_body: bytes, shape: Any) -> Any:
        del shape
        return self._parse_body_as_json(raw_body)


class _Factory(ResponseParserFactory):  # type: ignore[misc]  # botocore has no types
    def create_parser(self, protocol_name: str) -> Any:
        if protocol_name != "json":
            raise ValueError(
                f"only services that speak JSON can stay unparsed, not {protocol_name}"
            )
        return _AsSent()


def unparsed_client(aws: Aws, service: str) -> Any:
    """A client of a JSON service; made once, safe to share between threads.

    In its answers a timestamp is a number of epoch seconds and a blob is base64 text. Its
    requests aren't checked before they are sent.
    """
    return _client(service, aws.endpoint_url, aws.region)


@cache
def _client(service: str, endpoint_url: str, region: str) -> Any:
    session = botocore.session.get_session()
    session.register_component("response_parser_factory", _Factory())
    make: Any = boto3.session.Session(botocore_session=session).client
    return make(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the local AWS checks no credentials
        config=Config(
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
            parameter_validation=False,
        ),
    )
