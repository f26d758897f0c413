"""Workgroups: where results go, what a query may cost, and who decides it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localaws.athena.executions import ENGINE_VERSION
from localaws.athena.storage import Place, split_uri
from localaws.errors import AwsError, Unsupported
from localaws.service import Params

PRIMARY = "primary"
INVALID = "InvalidRequestException"
NO_OUTPUT = (
    "No output location provided. You did not provide an output location for your query results. "
    "Either specify an S3 bucket location or enable Athena managed query results in your "
    "workgroup settings."
)
#: AWS's defaults for a workgroup that is created without a configuration.
_DEFAULTS = {
    "EnforceWorkGroupConfiguration": True,
    "PublishCloudWatchMetricsEnabled": False,
    "RequesterPaysEnabled": False,
    "EnableMinimumEncryptionConfiguration": False,
}
#: Settings that would change what a query does or where its results lie.
_UNSUPPORTED = (
    "CustomerContentEncryptionConfiguration",
    "EngineConfiguration",
    "ExecutionRole",
    "AdditionalConfiguration",
    "IdentityCenterConfiguration",
    "ManagedQueryResultsConfiguration",
    "MonitoringConfiguration",
    "QueryResultsS3AccessGrantsConfiguration",
)
_ENGINES = ("AUTO", "Athena engine version 3")


@dataclass
class WorkGroup:
    """A workgroup as it is configured."""

    name: str
    created: datetime
    configuration: Params
    description: str = ""
    state: str = "ENABLED"

    @property
    def enforced(self) -> bool:
        """Whether the workgroup's settings win over the client's."""
        return bool(self.configuration["EnforceWorkGroupConfiguration"])

    def described(self) -> Params:
        """The WorkGroup of the API."""
        return {
            "Name": self.name,
            "State": self.state,
            "Configuration": self.configuration,
            "Description": self.description or None,
            "CreationTime": self.created,
        }

    def summary(self) -> Params:
        """The WorkGroupSummary of the API."""
        return {
            "Name": self.name,
            "State": self.state,
            "Description": self.description,
            "CreationTime": self.created,
            "EngineVersion": self.configuration["EngineVersion"],
        }

    def result_settings(self, clients: Params, account: str) -> tuple[Place, Params]:
        """Where results go, and the other settings in force for them.

        Args:
            clients: the ResultConfiguration that the client sent.
            account: the owner of all buckets here.

        Raises:
            AwsError: InvalidRequestException if no place is given, or none that can be.
        """
        own = self.configuration.get("ResultConfiguration", {})
        merged = own if self.enforced else {**own, **clients}
        location = merged.get("OutputLocation")
        if not location:
            raise AwsError(INVALID, NO_OUTPUT)
        check_location(location)
        settings = {key: value for key, value in merged.items() if key != "OutputLocation"}
        place = Place.of(location).folder
        return Place(place.bucket, place.key, _write_options(settings, account)), settings


def check_location(location: str) -> None:
    """An output location must be an S3 URI."""
    if split_uri(location) is None:
        raise AwsError(INVALID, "outputLocation is not a valid S3 path.")


def _write_options(settings: Params, account: str) -> dict[str, str]:
    """What the ResultConfiguration means for the objects that are written."""
    options: dict[str, str] = {}
    encryption = settings.get("EncryptionConfiguration", {})
    match encryption.get("EncryptionOption"):
        case "SSE_S3":
            options["ServerSideEncryption"] = "AES256"
        case "SSE_KMS":
            options["ServerSideEncryption"] = "aws:kms"
            options["SSEKMSKeyId"] = encryption["KmsKey"]
    if "AclConfiguration" in settings:
        options["ACL"] = "bucket-owner-full-control"
    owner = settings.get("ExpectedBucketOwner")
    if owner is not None and owner != account:
        raise AwsError(INVALID, f"The bucket of the results isn't owned by account {owner}")
    return options


def _checked(configuration: Params) -> Params:
    """Refuse what isn't supported, and what Athena refuses."""
    for name in _UNSUPPORTED:
        value = configuration.get(name)
        if value and not (isinstance(value, dict) and value.get("Enabled") is False):
            raise Unsupported(f"a workgroup's {name}")
    engine = configuration.get("EngineVersion", {}).get("SelectedEngineVersion", "AUTO")
    if engine not in _ENGINES:
        raise Unsupported(f"the engine version {engine!r} of a workgroup")
    results = configuration.get("ResultConfiguration", {})
    if results.get("OutputLocation"):
        check_location(results["OutputLocation"])
    encryption = results.get("EncryptionConfiguration", {})
    if encryption.get("EncryptionOption") == "CSE_KMS":
        raise Unsupported("client-side encryption (CSE_KMS) of query results")
    if encryption.get("EncryptionOption") == "SSE_KMS" and not encryption.get("KmsKey"):
        raise AwsError(INVALID, "KmsKey must be provided for SSE_KMS")
    return configuration


def _completed(configuration: Params) -> Params:
    """The configuration with AWS's defaults."""
    selected = configuration.get("EngineVersion", {}).get("SelectedEngineVersion", "AUTO")
    return {
        "ResultConfiguration": {},
        **_DEFAULTS,
        **configuration,
        "EngineVersion": {**ENGINE_VERSION, "SelectedEngineVersion": selected},
    }


class WorkGroups:
    """All workgroups; ``primary`` always exists. Not safe without the service's lock."""

    def __init__(self, now: datetime) -> None:
        self._groups: dict[str, WorkGroup] = {}
        self.clear(now)

    def clear(self, now: datetime) -> None:
        """Only ``primary`` is left, as a new account has it."""
        configuration = _completed({"EnforceWorkGroupConfiguration": False})
        self._groups = {PRIMARY: WorkGroup(PRIMARY, now, configuration)}

    def get(self, name: str) -> WorkGroup:
        """A workgroup by its name.

        Raises:
            AwsError: InvalidRequestException, as AWS has it for a name that isn't known.
        """
        if name not in self._groups:
            raise AwsError(INVALID, "WorkGroup is not found.")
        return self._groups[name]

    def __contains__(self, name: str) -> bool:
        return name in self._groups

    def all(self) -> list[WorkGroup]:
        """All workgroups by name."""
        return sorted(self._groups.values(), key=lambda group: group.name)

    def create(self, params: Params, now: datetime) -> WorkGroup:
        """CreateWorkGroup."""
        name = params["Name"]
        if name in self._groups:
            raise AwsError(INVALID, f"WorkGroup {name} is already created")
        configuration = _completed(_checked(copy.deepcopy(params.get("Configuration", {}))))
        group = WorkGroup(name, now, configuration, params.get("Description", ""))
        self._groups[name] = group
        return group

    def update(self, params: Params) -> None:
        """UpdateWorkGroup."""
        group = self.get(params["WorkGroup"])
        configuration = copy.deepcopy(group.configuration)
        _apply(configuration, copy.deepcopy(params.get("ConfigurationUpdates", {})))
        group.configuration = _completed(_checked(configuration))
        group.description = params.get("Description", group.description)
        group.state = params.get("State", group.state)

    def configure(self, name: str, configuration: Params, description: str, state: str) -> None:
        """Give a workgroup a whole new configuration, as a stack's update does."""
        group = self.get(name)
        group.configuration = _completed(_checked(copy.deepcopy(configuration)))
        group.description, group.state = description, state

    def delete(self, name: str) -> None:
        """Delete a workgroup, which must be there."""
        if name == PRIMARY:
            raise AwsError(INVALID, "WorkGroup primary can't be deleted")
        self.get(name)
        del self._groups[name]

    def snapshot(self) -> list[Params]:
        """As JSON types."""
        return [{**vars(g), "created": g.created.isoformat()} for g in self._groups.values()]

    def restore(self, state: list[Params]) -> None:
        """From what ``snapshot`` gave."""
        self._groups = {
            taken["name"]: WorkGroup(
                **{**taken, "created": datetime.fromisoformat(taken["created"])}
            )
            for taken in state
        }


def _apply(configuration: Params, updates: Params) -> None:
    """ConfigurationUpdates: settings to set, and ``Remove…`` for those to take away."""
    results: dict[str, Any] = configuration.setdefault("ResultConfiguration", {})
    for key, value in updates.pop("ResultConfigurationUpdates", {}).items():
        if not key.startswith("Remove"):
            results[key] = value
        elif value:
            results.pop(key.removeprefix("Remove"), None)
    if updates.pop("ManagedQueryResultsConfigurationUpdates", {}).get("Enabled"):
        raise Unsupported("a workgroup's ManagedQueryResultsConfiguration")
    for key, value in updates.items():
        if not key.startswith("Remove"):
            configuration[key] = value
        elif value:
            configuration.pop(key.removeprefix("Remove"), None)
