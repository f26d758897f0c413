"""The templates, read as cfn-lint reads them: YAML with CloudFormation's short forms resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode

from salesflow.deployment import STACKS

TEMPLATES = Path(__file__).parents[2] / "infra" / "cloudformation"


@dataclass(frozen=True)
class Resource:
    """One resource of one of the templates."""

    stack: str
    logical_id: str
    definition: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.definition["Type"])

    @property
    def properties(self) -> dict[str, Any]:
        return dict(self.definition.get("Properties", {}))

    def __repr__(self) -> str:
        return f"{self.stack}.{self.logical_id}"


class Templates(dict[str, dict[str, Any]]):
    """Stack → template."""

    def resources(self, *types: str) -> Iterator[Resource]:
        for stack, template in self.items():
            for logical_id, definition in template["Resources"].items():
                if not types or definition["Type"] in types:
                    yield Resource(stack, logical_id, definition)

    def resource(self, logical_id: str) -> Resource:
        (found,) = (r for r in self.resources() if r.logical_id == logical_id)
        return found


@pytest.fixture(scope="session")
def templates() -> Templates:
    read = Templates()
    for stack in STACKS:
        template, problems = decode(str(TEMPLATES / f"{stack}.yaml"))
        assert not problems
        read[stack] = template
    return read


@pytest.fixture(scope="session")
def templates_directory() -> Path:
    return TEMPLATES
