"""An orders table in memory, behind a real DynamoDB client: no socket, but the real wire format."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


class Table:
    """DynamoDB's side of BatchWriteItem, with the documented limits, and faults on demand."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.log: list[tuple[str, str | None]] = []
        self.batches: list[int] = []
        # Each takes the requests of a batch and returns what is not processed, or an error code.
        self.faults: list[Callable[[list[Any]], list[Any] | str]] = []
        self.poison: set[str] = set()

    def client(self) -> Any:
        config = Config(retries={"total_max_attempts": 1})
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )
        client.meta.events.register("before-send.dynamodb.BatchWriteItem", self._answer)
        return client

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        status, answer = self._batch(json.loads(request.body)["RequestItems"]["orders"])
        body = json.dumps(answer).encode()
        return AWSResponse(request.url, status, {}, _Body(body))

    def _batch(self, requests: list[Any]) -> tuple[int, dict[str, Any]]:
        ids = [self._id(request) for request in requests]
        self.batches.append(len(ids))
        if len(ids) > 25 or len(set(ids)) < len(ids) or self.poison & set(ids):
            return self._error("ValidationException")
        fault = self.faults.pop(0)(requests) if self.faults else []
        if isinstance(fault, str):
            return self._error(fault)
        for request, orderid in zip(requests, ids, strict=True):
            if request in fault:
                continue
            if "DeleteRequest" in request:
                del self.items[orderid]
                self.log.append((orderid, None))
            else:
                self.items[orderid] = request["PutRequest"]["Item"]
                self.log.append((orderid, self.items[orderid]["status"]["S"]))
        return 200, {"UnprocessedItems": {"orders": fault} if fault else {}}

    @staticmethod
    def _error(code: str) -> tuple[int, dict[str, Any]]:
        kind = f"com.amazonaws.dynamodb.v20120810#{code}"
        return 400, {"__type": kind, "message": f"it is a {code}"}

    @staticmethod
    def _id(request: Any) -> str:
        if "PutRequest" in request:
            return str(request["PutRequest"]["Item"]["orderid"]["S"])
        return str(request["DeleteRequest"]["Key"]["orderid"]["S"])
