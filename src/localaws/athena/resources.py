"""Athena's CloudFormation types (the CloudFormation resource reference)."""

from __future__ import annotations

from typing import ClassVar

from localaws.athena.settings_api import KeptQueryApi, WorkGroupApi
from localaws.athena.state import State
from localaws.errors import AwsError, Unsupported
from localaws.service import Params, ResourceType
from localaws.wire import coerce, service_model, validate


def _request(operation: str, properties: Params) -> Params:
    """Properties as the request of an API operation, checked against its model."""
    shape = service_model("athena").operation_model(operation).input_shape
    if shape is None:
        raise ValueError(f"{operation} takes nothing")
    params: Params = coerce(shape, properties)
    validate(shape, params)
    return params


class WorkGroupType(ResourceType):
    """AWS::Athena::WorkGroup"""

    type_name: ClassVar[str] = "AWS::Athena::WorkGroup"
    create_only: ClassVar[frozenset[str]] = frozenset({"Name"})

    def __init__(self, state: State) -> None:
        self._state, self._api = state, WorkGroupApi(state)

    def create(self, properties: Params, default_name: str) -> tuple[str, Params]:
        """Ref is the name."""
        request, state = self._read({"Name": default_name, **properties})
        self._api.create(request)
        name: str = request["Name"]
        if state != "ENABLED":
            self._api.update({"WorkGroup": name, "State": state})
        return name, self._attributes(name)

    def update(self, physical_id: str, old: Params, new: Params) -> Params:
        """The configuration becomes what the template has, tags included."""
        request, state = self._read({**new, "Name": physical_id})
        configuration = request.get("Configuration", {})
        with self._state.lock:
            self._state.workgroups.configure(
                physical_id, configuration, request.get("Description", ""), state
            )
            tags = {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", [])}
            self._state.tags[self._state.workgroup_arn(physical_id)] = tags
        return self._attributes(physical_id)

    def delete(self, physical_id: str, properties: Params) -> None:
        """With RecursiveDeleteOption, with its queries."""
        recursive = str(properties.get("RecursiveDeleteOption", False)).lower() == "true"
        if physical_id in self._state.workgroups:
            self._state.delete_workgroup(physical_id, recursive=recursive)

    def _read(self, properties: Params) -> tuple[Params, str]:
        """The request that makes the workgroup, and the state that it is to have."""
        request = dict(properties)
        if request.pop("WorkGroupConfigurationUpdates", None):
            raise Unsupported(
                "WorkGroupConfigurationUpdates, which WorkGroupConfiguration replaces"
            )
        request.pop("RecursiveDeleteOption", None)
        state = str(request.pop("State", "ENABLED"))
        if state not in ("ENABLED", "DISABLED"):
            raise AwsError("ValidationException", f"State is {state!r}: not ENABLED or DISABLED")
        if "WorkGroupConfiguration" in request:
            request["Configuration"] = request.pop("WorkGroupConfiguration")
        return _request("CreateWorkGroup", request), state

    def _attributes(self, name: str) -> Params:
        with self._state.lock:
            group = self._state.workgroups.get(name)
        engine = group.configuration["EngineVersion"]["EffectiveEngineVersion"]
        return {
            "CreationTime": str(int(group.created.timestamp())),
            "WorkGroupConfiguration.EngineVersion.EffectiveEngineVersion": engine,
        }


class NamedQueryType(ResourceType):
    """AWS::Athena::NamedQuery: every change makes a new one."""

    type_name: ClassVar[str] = "AWS::Athena::NamedQuery"
    create_only: ClassVar[frozenset[str]] = frozenset(
        {"Database", "Description", "Name", "QueryString", "WorkGroup"}
    )

    def __init__(self, state: State) -> None:
        self._state, self._api = state, KeptQueryApi(state)

    def create(self, properties: Params, default_name: str) -> tuple[str, Params]:
        """Ref is the id."""
        request = _request("CreateNamedQuery", {"Name": default_name, **properties})
        query_id: str = self._api.create_named(request)["NamedQueryId"]
        return query_id, {"NamedQueryId": query_id}

    def update(self, physical_id: str, old: Params, new: Params) -> Params:
        """Nothing can be changed in place."""
        return {"NamedQueryId": physical_id}

    def delete(self, physical_id: str, properties: Params) -> None:
        """One that went with its workgroup is no error."""
        with self._state.lock:
            try:
                self._state.named_queries.delete(physical_id)
            except AwsError:
                return
