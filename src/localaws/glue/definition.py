"""A crawler's definition: what the API accepts, and what a crawl makes of it.

https://docs.aws.amazon.com/glue/latest/webapi/API_CreateCrawler.html and
https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.errors import AwsError, Unsupported
from localaws.glue import schedule
from localaws.glue.grouping import Grouping
from localaws.glue.merging import Policy
from localaws.glue.objects import Target
from localaws.service import Params

INVALID = "InvalidInputException"
NEW_FOLDERS_ONLY = "CRAWL_NEW_FOLDERS_ONLY"
_MOST_SAMPLED = 249


@dataclass(frozen=True)
class Settings:
    """A crawler's definition as a crawl needs it.

    Args:
        role: the name of the crawler's role.
        classifiers: names of custom classifiers, in their order.
        most_tables: TableThreshold: a crawl that finds more tables fails; None allows any number.
    """

    database: str
    role: str
    prefix: str
    targets: tuple[Target, ...]
    classifiers: tuple[str, ...]
    grouping: Grouping
    policy: Policy
    most_tables: int | None
    new_folders_only: bool


def normalised(definition: Params) -> Params:
    """A definition with AWS's defaults, the role as its name.

    Raises:
        AwsError: InvalidInputException for what AWS refuses, and for what the local AWS doesn't
            support.
    """
    definition = {name: value for name, value in definition.items() if value is not None}
    recrawl = {"RecrawlBehavior": "CRAWL_EVERYTHING", **definition.get("RecrawlPolicy", {})}
    incremental = recrawl["RecrawlBehavior"] == NEW_FOLDERS_ONLY
    changes = {
        "UpdateBehavior": "LOG" if incremental else "UPDATE_IN_DATABASE",
        "DeleteBehavior": "LOG" if incremental else "DEPRECATE_IN_DATABASE",
        **definition.get("SchemaChangePolicy", {}),
    }
    if recrawl["RecrawlBehavior"] == "CRAWL_EVENT_MODE":
        raise Unsupported("RecrawlBehavior CRAWL_EVENT_MODE", INVALID)
    if incremental and set(changes.values()) != {"LOG"}:
        raise AwsError(
            INVALID,
            'The SchemaChangePolicy for "Crawl new folders only" Amazon S3 target can have only '
            "LOG DeleteBehavior value and LOG UpdateBehavior value.",
        )
    _refuse_unsupported(definition)
    if definition.get("Schedule"):
        schedule.check(definition["Schedule"])
    normal = {
        "Classifiers": [],
        "DatabaseName": "default",
        **definition,
        "Role": role_name(definition["Role"]),
        "RecrawlPolicy": recrawl,
        "SchemaChangePolicy": changes,
    }
    settings(normal)
    return normal


def role_name(role: str) -> str:
    """A role's name and path, from its ARN or from themselves."""
    return role.partition(":role/")[2] if role.startswith("arn:") else role


def settings(definition: Params) -> Settings:
    """What a normalised definition says.

    Raises:
        AwsError: InvalidInputException for targets or a Configuration that say nothing valid.
    """
    configuration = _configuration(definition.get("Configuration", ""))
    output = configuration.get("CrawlerOutput", {})
    tables, grouping = output.get("Tables", {}), configuration.get("Grouping", {})
    incremental = definition["RecrawlPolicy"]["RecrawlBehavior"] == NEW_FOLDERS_ONLY
    return Settings(
        database=definition["DatabaseName"],
        role=definition["Role"],
        prefix=definition.get("TablePrefix", ""),
        targets=_targets(definition["Targets"]),
        classifiers=tuple(definition["Classifiers"]),
        grouping=Grouping(
            combine="TableGroupingPolicy" in grouping,
            level=grouping.get("TableLevelConfiguration"),
        ),
        policy=Policy(
            update=definition["SchemaChangePolicy"]["UpdateBehavior"],
            delete=definition["SchemaChangePolicy"]["DeleteBehavior"],
            merge="AddOrUpdateBehavior" in tables,
            inherit="AddOrUpdateBehavior" in output.get("Partitions", {}),
        ),
        most_tables=tables.get("TableThreshold"),
        new_folders_only=incremental,
    )


def _refuse_unsupported(definition: Params) -> None:
    if definition.get("CrawlerSecurityConfiguration"):
        raise Unsupported("a crawler's CrawlerSecurityConfiguration", INVALID)
    if definition.get("LineageConfiguration", {}).get("CrawlerLineageSettings") == "ENABLE":
        raise Unsupported("a crawler's LineageConfiguration", INVALID)
    if definition.get("LakeFormationConfiguration", {}).get("UseLakeFormationCredentials"):
        raise Unsupported("UseLakeFormationCredentials", INVALID)


def _targets(targets: Params) -> tuple[Target, ...]:
    for kind, members in targets.items():
        if kind != "S3Targets" and members:
            raise Unsupported(f"{kind}: crawlers crawl S3", INVALID)
    found = []
    for params in targets.get("S3Targets", ()):
        for name in ("ConnectionName", "EventQueueArn", "DlqEventQueueArn"):
            if params.get(name):
                raise Unsupported(f"{name} of an S3 target", INVALID)
        target = Target.of(params)
        if target is None:
            raise AwsError(INVALID, f"{params.get('Path')!r} is not an S3 path: s3://bucket/folder")
        if target.sample_size is not None and not 1 <= target.sample_size <= _MOST_SAMPLED:
            raise AwsError(INVALID, f"SampleSize is 1 to {_MOST_SAMPLED}, not {target.sample_size}")
        found.append(target)
    if not found:
        raise AwsError(INVALID, "At least one crawl target must be specified")
    return tuple(found)


def _configuration(text: str) -> Params:
    if not text:
        return {}
    try:
        configuration = json.loads(text)
    except ValueError as error:
        raise AwsError(INVALID, f"Crawler configuration is not valid JSON: {error}") from error
    if not isinstance(configuration, dict) or configuration.get("Version") not in (1, "1.0"):
        raise AwsError(INVALID, "Crawler configuration must be a JSON object with Version 1.0")
    _check_configuration(configuration, _CONFIGURATION, "Configuration")
    return configuration


def _one_of(*values: Any) -> Callable[[Any], bool]:
    return lambda value: value in values


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


_CONFIGURATION: Mapping[str, Any] = {
    "Version": _one_of(1, "1.0"),
    "CrawlerOutput": {
        "Tables": {
            "AddOrUpdateBehavior": _one_of("MergeNewColumns"),
            "TableThreshold": _is_count,
        },
        "Partitions": {"AddOrUpdateBehavior": _one_of("InheritFromTable")},
    },
    "Grouping": {
        "TableGroupingPolicy": _one_of("CombineCompatibleSchemas"),
        "TableLevelConfiguration": _is_count,
    },
    # The catalogue has no partition indexes that crawlers would make.
    "CreatePartitionIndex": _one_of(False),
}


def _check_configuration(value: Any, known: Any, path: str) -> None:
    if isinstance(known, Mapping):
        if not isinstance(value, dict):
            raise AwsError(INVALID, f"{path} is not a JSON object")
        for name, member in value.items():
            if name not in known:
                raise Unsupported(f"{path}.{name}", INVALID)
            _check_configuration(member, known[name], f"{path}.{name}")
    elif not known(value):
        raise Unsupported(f"{value!r} as {path}", INVALID)
