"""Queries that are kept: named queries, and prepared statements."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from localaws.errors import AwsError
from localaws.service import Params

INVALID = "InvalidRequestException"


class NamedQueries:
    """Named queries by id; not safe without the service's lock."""

    def __init__(self) -> None:
        self._queries: dict[str, Params] = {}
        self._by_token: dict[str, str] = {}

    def create(self, params: Params) -> str:
        """CreateNamedQuery; the same token with the same query gives the same id again."""
        token = params.get("ClientRequestToken")
        kept = {key: value for key, value in params.items() if key != "ClientRequestToken"}
        if token is not None and token in self._by_token:
            known = self._by_token[token]
            if self._queries.get(known) != {**kept, "NamedQueryId": known}:
                raise AwsError(INVALID, "Idempotent parameters do not match")
            return known
        query_id = str(uuid.uuid4())
        self._queries[query_id] = {**kept, "NamedQueryId": query_id}
        if token is not None:
            self._by_token[token] = query_id
        return query_id

    def get(self, query_id: str) -> Params:
        """A named query, which must be there."""
        if query_id not in self._queries:
            raise AwsError(INVALID, f"NamedQuery {query_id} was not found")
        return self._queries[query_id]

    def of(self, workgroup: str) -> list[str]:
        """The ids of a workgroup's named queries."""
        return [key for key, query in self._queries.items() if query["WorkGroup"] == workgroup]

    def update(self, params: Params) -> None:
        """UpdateNamedQuery."""
        query = self.get(params["NamedQueryId"])
        query.update(params)

    def delete(self, query_id: str) -> None:
        """Delete a named query, which must be there."""
        self.get(query_id)
        del self._queries[query_id]
        self._by_token = {key: kept for key, kept in self._by_token.items() if kept != query_id}

    def clear(self) -> None:
        """Drop all."""
        self._queries.clear()
        self._by_token.clear()

    def snapshot(self) -> Params:
        """As JSON types."""
        return {"queries": dict(self._queries), "tokens": dict(self._by_token)}

    def restore(self, state: Params) -> None:
        """From what ``snapshot`` gave."""
        self._queries, self._by_token = dict(state["queries"]), dict(state["tokens"])


class PreparedStatements:
    """Prepared statements by workgroup and name; not safe without the service's lock.

    Args:
        check: raises what the API answers where a statement isn't one.
    """

    def __init__(self, check: Callable[[str], object]) -> None:
        self._check = check
        self._statements: dict[tuple[str, str], Params] = {}

    def create(self, params: Params, now: datetime) -> None:
        """CreatePreparedStatement."""
        key = (params["WorkGroup"], params["StatementName"])
        if key in self._statements:
            raise AwsError(INVALID, f"PreparedStatement {key[1]} already exists")
        self.put(params, now)

    def update(self, params: Params, now: datetime) -> None:
        """UpdatePreparedStatement."""
        self.get(params["WorkGroup"], params["StatementName"])
        self.put(params, now)

    def put(self, params: Params, now: datetime) -> None:
        """Create a statement, or replace the one of its name."""
        self._check(params["QueryStatement"])
        workgroup, name = params["WorkGroup"], params["StatementName"]
        self._statements[workgroup, name] = {
            "StatementName": name,
            "QueryStatement": params["QueryStatement"],
            "WorkGroupName": workgroup,
            "Description": params.get("Description"),
            "LastModifiedTime": now,
        }

    def get(self, workgroup: str, name: str) -> Params:
        """A prepared statement, which must be there."""
        if (workgroup, name) not in self._statements:
            message = f"PreparedStatement {name} was not found in workGroup {workgroup}"
            raise AwsError("ResourceNotFoundException", message)
        return self._statements[workgroup, name]

    def of(self, workgroup: str) -> list[Params]:
        """A workgroup's statements by name."""
        return [kept for (group, _), kept in sorted(self._statements.items()) if group == workgroup]

    def delete(self, workgroup: str, name: str) -> None:
        """Delete a prepared statement, which must be there."""
        self.get(workgroup, name)
        del self._statements[workgroup, name]

    def clear(self) -> None:
        """Drop all."""
        self._statements.clear()

    def snapshot(self) -> list[Params]:
        """As JSON types."""
        return [
            {**kept, "LastModifiedTime": kept["LastModifiedTime"].isoformat()}
            for kept in self._statements.values()
        ]

    def restore(self, state: list[Params]) -> None:
        """From what ``snapshot`` gave."""
        self._statements = {
            (kept["WorkGroupName"], kept["StatementName"]): {
                **kept,
                "LastModifiedTime": datetime.fromisoformat(kept["LastModifiedTime"]),
            }
            for kept in state
        }
