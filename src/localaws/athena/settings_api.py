"""The API of workgroups, tags, named queries, prepared statements and data catalogues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localaws.athena import metadata
from localaws.athena.executions import ENGINE_VERSION
from localaws.athena.glue_tables import GlueTables
from localaws.athena.state import State, page, utcnow
from localaws.athena.workgroups import INVALID, PRIMARY
from localaws.errors import AwsError
from localaws.service import Operation, Params

MAX_LISTED = 50
#: As many as a resource may have.
MAX_TAGS = 50


class WorkGroupApi:
    """Operations on workgroups and their tags."""

    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> Mapping[str, Operation]:
        """By the API's names."""
        return {
            "CreateWorkGroup": self.create,
            "GetWorkGroup": self.get,
            "ListWorkGroups": self.list,
            "UpdateWorkGroup": self.update,
            "DeleteWorkGroup": self.delete,
            "ListEngineVersions": self.engine_versions,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.tags,
        }

    def create(self, params: Params) -> Params:
        """CreateWorkGroup."""
        with self._state.lock:
            group = self._state.workgroups.create(params, utcnow())
            tags = {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])}
            self._state.tags[self._state.workgroup_arn(group.name)] = tags
        return {}

    def get(self, params: Params) -> Params:
        """GetWorkGroup."""
        with self._state.lock:
            return {"WorkGroup": self._state.workgroups.get(params["WorkGroup"]).described()}

    def list(self, params: Params) -> Params:
        """ListWorkGroups, by name."""
        with self._state.lock:
            groups = [group.summary() for group in self._state.workgroups.all()]
        listed, token = page(groups, params, MAX_LISTED)
        return {"WorkGroups": listed, "NextToken": token}

    def update(self, params: Params) -> Params:
        """UpdateWorkGroup."""
        with self._state.lock:
            self._state.workgroups.update(params)
        return {}

    def delete(self, params: Params) -> Params:
        """DeleteWorkGroup."""
        recursive = bool(params.get("RecursiveDeleteOption"))
        self._state.delete_workgroup(params["WorkGroup"], recursive=recursive)
        return {}

    def engine_versions(self, params: Params) -> Params:
        """ListEngineVersions."""
        versions = [ENGINE_VERSION, {**ENGINE_VERSION, "SelectedEngineVersion": _NEWEST}]
        listed, token = page(versions, params, 10)
        return {"EngineVersions": listed, "NextToken": token}

    def _tagged(self, arn: str) -> dict[str, str]:
        """The tags of a workgroup, the only resource here that has an ARN."""
        prefix = self._state.workgroup_arn("")
        if not arn.startswith(prefix) or arn.removeprefix(prefix) not in self._state.workgroups:
            raise AwsError("ResourceNotFoundException", f"{arn} is not found")
        return self._state.tags.setdefault(arn, {})

    def tag(self, params: Params) -> Params:
        """TagResource."""
        with self._state.lock:
            tags = self._tagged(params["ResourceARN"])
            added = {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
            if len({*tags, *added}) > MAX_TAGS:
                raise AwsError(INVALID, f"A resource has at most {MAX_TAGS} tags")
            tags.update(added)
        return {}

    def untag(self, params: Params) -> Params:
        """UntagResource."""
        with self._state.lock:
            tags = self._tagged(params["ResourceARN"])
            for key in params["TagKeys"]:
                tags.pop(key, None)
        return {}

    def tags(self, params: Params) -> Params:
        """ListTagsForResource."""
        with self._state.lock:
            tags = self._tagged(params["ResourceARN"])
            return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


_NEWEST = "Athena engine version 3"


class KeptQueryApi:
    """Operations on named queries and prepared statements."""

    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> Mapping[str, Operation]:
        """By the API's names."""
        return {
            "CreateNamedQuery": self.create_named,
            "GetNamedQuery": self.get_named,
            "BatchGetNamedQuery": self.batch_get_named,
            "ListNamedQueries": self.list_named,
            "UpdateNamedQuery": self.update_named,
            "DeleteNamedQuery": self.delete_named,
            "CreatePreparedStatement": self.create_prepared,
            "GetPreparedStatement": self.get_prepared,
            "BatchGetPreparedStatement": self.batch_get_prepared,
            "ListPreparedStatements": self.list_prepared,
            "UpdatePreparedStatement": self.update_prepared,
            "DeletePreparedStatement": self.delete_prepared,
        }

    def create_named(self, params: Params) -> Params:
        """CreateNamedQuery."""
        with self._state.lock:
            group = self._state.workgroups.get(params.get("WorkGroup", PRIMARY))
            query_id = self._state.named_queries.create({**params, "WorkGroup": group.name})
        return {"NamedQueryId": query_id}

    def get_named(self, params: Params) -> Params:
        """GetNamedQuery."""
        with self._state.lock:
            return {"NamedQuery": self._state.named_queries.get(params["NamedQueryId"])}

    def batch_get_named(self, params: Params) -> Params:
        """BatchGetNamedQuery."""
        found, missing = self._batch(params["NamedQueryIds"], self._state.named_queries.get)
        unknown = [{"NamedQueryId": key, **error} for key, error in missing]
        return {"NamedQueries": found, "UnprocessedNamedQueryIds": unknown}

    def list_named(self, params: Params) -> Params:
        """ListNamedQueries."""
        with self._state.lock:
            group = self._state.workgroups.get(params.get("WorkGroup", PRIMARY))
            ids = self._state.named_queries.of(group.name)
        listed, token = page(ids, params, MAX_LISTED)
        return {"NamedQueryIds": listed, "NextToken": token}

    def update_named(self, params: Params) -> Params:
        """UpdateNamedQuery."""
        with self._state.lock:
            self._state.named_queries.update(params)
        return {}

    def delete_named(self, params: Params) -> Params:
        """DeleteNamedQuery."""
        with self._state.lock:
            self._state.named_queries.delete(params["NamedQueryId"])
        return {}

    def create_prepared(self, params: Params) -> Params:
        """CreatePreparedStatement."""
        with self._state.lock:
            self._state.workgroups.get(params["WorkGroup"])
            self._state.prepared.create(params, utcnow())
        return {}

    def get_prepared(self, params: Params) -> Params:
        """GetPreparedStatement."""
        with self._state.lock:
            kept = self._state.prepared.get(params["WorkGroup"], params["StatementName"])
            return {"PreparedStatement": kept}

    def batch_get_prepared(self, params: Params) -> Params:
        """BatchGetPreparedStatement."""
        group = params["WorkGroup"]
        found, missing = self._batch(
            params["PreparedStatementNames"], lambda name: self._state.prepared.get(group, name)
        )
        unknown = [{"StatementName": key, **error} for key, error in missing]
        return {"PreparedStatements": found, "UnprocessedPreparedStatementNames": unknown}

    def list_prepared(self, params: Params) -> Params:
        """ListPreparedStatements, by name."""
        with self._state.lock:
            self._state.workgroups.get(params["WorkGroup"])
            kept = [
                {key: statement[key] for key in ("StatementName", "LastModifiedTime")}
                for statement in self._state.prepared.of(params["WorkGroup"])
            ]
        listed, token = page(kept, params, MAX_LISTED)
        return {"PreparedStatements": listed, "NextToken": token}

    def update_prepared(self, params: Params) -> Params:
        """UpdatePreparedStatement."""
        with self._state.lock:
            self._state.prepared.update(params, utcnow())
        return {}

    def delete_prepared(self, params: Params) -> Params:
        """DeletePreparedStatement."""
        with self._state.lock:
            self._state.prepared.delete(params["WorkGroup"], params["StatementName"])
        return {}

    def _batch(
        self, keys: list[str], get: Callable[[str], Params]
    ) -> tuple[list[Params], list[tuple[str, Params]]]:
        """What is found for keys, and the error for each that isn't."""
        found: list[Params] = []
        missing: list[tuple[str, Params]] = []
        with self._state.lock:
            for key in keys:
                try:
                    found.append(get(key))
                except AwsError as error:
                    fault = {"ErrorCode": "STATEMENT_NOT_FOUND", "ErrorMessage": error.message}
                    missing.append((key, fault))
        return found, missing


class CatalogApi:
    """Operations that show the data catalogue."""

    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> Mapping[str, Operation]:
        """By the API's names."""
        return {
            "ListDataCatalogs": self.list_catalogs,
            "GetDataCatalog": self.get_catalog,
            "ListDatabases": self.list_databases,
            "GetDatabase": self.get_database,
            "ListTableMetadata": self.list_tables,
            "GetTableMetadata": self.get_table,
        }

    def _tables(self, params: Params) -> GlueTables:
        metadata.check_catalog(params["CatalogName"])
        glue: Any = self._state.aws.client("glue")
        return GlueTables(glue)

    def list_catalogs(self, params: Params) -> Params:
        """ListDataCatalogs."""
        catalogs = [{"CatalogName": metadata.DATA_CATALOG, "Type": "GLUE"}]
        listed, token = page(catalogs, params, MAX_LISTED)
        return {"DataCatalogsSummary": listed, "NextToken": token}

    def get_catalog(self, params: Params) -> Params:
        """GetDataCatalog."""
        metadata.check_catalog(params["Name"])
        return {"DataCatalog": metadata.data_catalog(self._state.aws.account)}

    def list_databases(self, params: Params) -> Params:
        """ListDatabases, by name."""
        found = [metadata.described_database(d) for d in self._tables(params).databases()]
        listed, token = page(found, params, MAX_LISTED)
        return {"DatabaseList": listed, "NextToken": token}

    def get_database(self, params: Params) -> Params:
        """GetDatabase."""
        return {"Database": metadata.database(self._tables(params), params["DatabaseName"])}

    def list_tables(self, params: Params) -> Params:
        """ListTableMetadata, by name."""
        found = metadata.all_tables(
            self._tables(params), params["DatabaseName"], params.get("Expression", "")
        )
        listed, token = page(found, params, MAX_LISTED)
        return {"TableMetadataList": listed, "NextToken": token}

    def get_table(self, params: Params) -> Params:
        """GetTableMetadata."""
        tables = self._tables(params)
        return {
            "TableMetadata": metadata.table(tables, params["DatabaseName"], params["TableName"])
        }
