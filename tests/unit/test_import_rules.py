"""Who may import what: the chain stays readable because its parts don't know each other."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AWS_RUNTIME = {"boto3", "botocore"}  # what AWS's Python runtime brings along


@dataclass(frozen=True)
class Rule:
    """Packages that the files of a folder may (or must not) import; the standard library is free.

    ``lazily`` are packages that may be imported inside functions only.
    """

    folder: str
    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    lazily: frozenset[str] = field(default=frozenset())


RULES = [
    Rule("lambdas", only=frozenset({"salesflow"}), lazily=frozenset(AWS_RUNTIME)),
    Rule("src/salesflow", never=frozenset({"airflow", "localaws", "ministack"})),
    Rule("src/localaws", never=frozenset({"airflow", "salesflow", "salesflow_airflow"})),
    # PyAthena comes with Airflow's Amazon provider, whose hook for SQL on Athena hands it out.
    # FastAPI and Starlette are what Airflow's API server, which serves the dashboard, is made of.
    Rule(
        "plugins",
        only=frozenset(
            {
                "airflow",
                "salesflow",
                "salesflow_airflow",
                "botocore",
                "pyathena",
                "fastapi",
                "starlette",
            }
        ),
    ),
    Rule("dags", only=frozenset({"airflow", "salesflow", "salesflow_airflow", "pendulum"})),
]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, and whether it does so inside a function.

    What is imported for the type checker alone doesn't count.
    """

    def walk(node: ast.AST, lazy: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, lazy) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                yield child.module or "", lazy
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, lazy or is_function)

    yield from walk(ast.parse(path.read_text()), lazy=False)


def foreign(path: Path) -> Iterator[tuple[str, bool]]:
    """The top-level packages outside the standard library that a file imports."""
    for module, lazy in imports(path):
        package = module.partition(".")[0]
        if package not in sys.stdlib_module_names:
            yield package, lazy


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.folder)
def test_each_part_imports_only_what_it_may(rule: Rule) -> None:
    files = sorted((ROOT / rule.folder).rglob("*.py"))
    assert files, f"{rule.folder} is empty"
    for path in files:
        for package, lazy in foreign(path):
            assert package not in rule.never, f"{path} imports {package}"
            if rule.only is not None and not (lazy and package in rule.lazily):
                assert package in rule.only, f"{path} imports {package}"


def lambda_modules() -> set[Path]:
    """The modules of salesflow that the Lambda handlers reach."""
    reached: set[Path] = set()
    pending = sorted((ROOT / "lambdas").rglob("*.py"))
    while pending:
        for module, _ in imports(pending.pop()):
            path = ROOT / "src" / Path(*module.split(".")).with_suffix(".py")
            if module.startswith("salesflow.") and path not in reached:
                reached.add(path)
                pending.append(path)
    return reached


def test_what_lambdas_use_is_the_standard_library_and_faker() -> None:
    reached = lambda_modules()
    assert {path.stem for path in reached} >= {"changes", "schema", "generator", "writer"}
    for path in reached:
        for package, lazy in foreign(path):
            allowed = {"salesflow", "faker"} | (AWS_RUNTIME if lazy else set())
            assert package in allowed, f"{path} imports {package}"


def test_no_dag_imports_another() -> None:
    names = {path.stem for path in (ROOT / "dags").glob("*.py")}
    for path in (ROOT / "dags").glob("*.py"):
        assert not names & {module.partition(".")[0] for module, _ in imports(path)}


def test_only_one_file_knows_ministack() -> None:
    knowing = [
        path
        for path in (ROOT / "src").rglob("*.py")
        if any(package == "ministack" for package, _ in foreign(path))
    ]
    assert knowing == [ROOT / "src" / "localaws" / "registry.py"]
