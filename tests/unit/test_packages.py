"""The Lambda packages hold what their handlers need, and depend on nothing but their source."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from salesflow.generator import history
from salesflow.packaging import LambdaPackage, PackagingError, build_package, package_files

ROOT = Path(__file__).parents[2]
EVENTS = Path(__file__).parent / "events"
# The isolated interpreter: no site-packages, no environment, no user site.
CLEAN_PYTHON = [sys.executable, "-I", "-S", "-B", "-c"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LambdaPackage]:
    target = tmp_path_factory.mktemp("packages")
    names = ("transform_orders", "generate_orders", "aggregate_orders")
    return {name: build_package(ROOT / "lambdas" / name, target) for name in names}


def run_in(package: LambdaPackage, directory: Path, program: str) -> str:
    """What a program prints that has only the unpacked package and the standard library."""
    with ZipFile(package.path) as archive:
        archive.extractall(directory)
    done = subprocess.run(
        [*CLEAN_PYTHON, f"import sys; sys.path.insert(0, {str(directory)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def names_in(package: LambdaPackage) -> list[str]:
    with ZipFile(package.path) as archive:
        return archive.namelist()


def test_the_transform_holds_these_modules_only(packages: dict[str, LambdaPackage]) -> None:
    assert names_in(packages["transform_orders"]) == [
        "handler.py",
        "salesflow/__init__.py",
        "salesflow/changes.py",
        "salesflow/numbers.py",
        "salesflow/rules.py",
        "salesflow/schema.py",
        "salesflow/transform.py",
    ]


def test_the_counting_holds_these_modules_only(packages: dict[str, LambdaPackage]) -> None:
    assert names_in(packages["aggregate_orders"]) == [
        "handler.py",
        "salesflow/__init__.py",
        "salesflow/changes.py",
        "salesflow/live_table.py",
        "salesflow/live_totals.py",
        "salesflow/live_writer.py",
        "salesflow/numbers.py",
        "salesflow/rules.py",
        "salesflow/schema.py",
    ]


def test_the_generator_holds_these_modules_and_faker_with_its_licence(
    packages: dict[str, LambdaPackage],
) -> None:
    names = names_in(packages["generate_orders"])
    assert [name for name in names if name.startswith("salesflow/")] == [
        "salesflow/__init__.py",
        "salesflow/catalogue.py",
        "salesflow/customers.py",
        "salesflow/demand.py",
        "salesflow/generator.py",
        "salesflow/lanes.py",
        "salesflow/orders.py",
        "salesflow/schema.py",
        "salesflow/seeds.py",
        "salesflow/writer.py",
    ]
    assert "faker/providers/person/en_US/__init__.py" in names
    assert "faker/providers/person/de_DE/__init__.py" not in names
    assert any("licenses/LICENSE" in name for name in names)


def test_packages_are_small(packages: dict[str, LambdaPackage]) -> None:
    assert packages["transform_orders"].size < 50_000
    assert packages["generate_orders"].size < 600_000
    assert packages["aggregate_orders"].size < 70_000


def test_the_packaged_transform_runs_without_anything_else(
    packages: dict[str, LambdaPackage], tmp_path: Path
) -> None:
    event = (EVENTS / "firehose_invocation.json").read_text()
    printed = run_in(
        packages["transform_orders"],
        tmp_path,
        f"import json, handler\nprint(json.dumps(handler.handler(json.loads({event!r}), None)))",
    )
    assert [record["result"] for record in json.loads(printed)["records"]] == ["Ok"] * 3


def test_the_packaged_generator_gives_the_same_orders_as_here(
    packages: dict[str, LambdaPackage], tmp_path: Path
) -> None:
    until = datetime(2026, 3, 1, tzinfo=UTC)
    here = repr(list(history(orders=40, days=9, until=until, seed=5)))
    printed = run_in(
        packages["generate_orders"],
        tmp_path,
        "import handler, datetime\n"
        "from datetime import UTC\n"
        "until = datetime.datetime(2026, 3, 1, tzinfo=UTC)\n"
        "print(list(handler.history(orders=40, days=9, until=until, seed=5)))",
    )
    assert printed.strip() == here


def test_the_same_source_gives_the_same_bytes(
    packages: dict[str, LambdaPackage], tmp_path: Path
) -> None:
    source = tmp_path / "elsewhere" / "transform_orders"
    shutil.copytree(ROOT / "lambdas" / "transform_orders", source)
    for path in source.rglob("*"):
        os.utime(path, (10**9, 10**9))
        path.chmod(0o700)
    (source / "__pycache__").mkdir(exist_ok=True)
    (source / "__pycache__" / "handler.cpython-311.pyc").write_bytes(b"compiled")
    again = build_package(source, tmp_path)
    first = packages["transform_orders"]
    assert (again.sha256, again.size) == (first.sha256, first.size)
    assert again.path.read_bytes() == first.path.read_bytes()


def test_a_package_is_named_by_what_it_holds(packages: dict[str, LambdaPackage]) -> None:
    package = packages["transform_orders"]
    content = package.path.read_bytes()
    assert package.sha256 == sha256(content).hexdigest()
    assert package.size == len(content)
    assert package.s3_key == f"lambdas/transform_orders/{package.sha256}.zip"


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("import requests", "imports requests, which no package carries"),
        ("from salesflow.nowhere import x", "imports salesflow.nowhere, but there is no"),
        ("from . import other", "relative import"),
    ],
)
def test_a_handler_that_could_not_run_is_not_packaged(
    tmp_path: Path, handler: str, reason: str
) -> None:
    (tmp_path / "handler.py").write_text(handler)
    with pytest.raises(PackagingError, match=reason):
        build_package(tmp_path, tmp_path / "target")


def test_a_directory_without_handler_is_not_packaged(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"no handler\.py"):
        build_package(tmp_path, tmp_path / "target")


def test_what_is_imported_for_its_types_only_stays_out(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(
        "import json, boto3\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from mypy_boto3_dynamodb import DynamoDBClient\n"
        "else:\n    from salesflow import seeds\n"
    )
    assert sorted(package_files(tmp_path)) == [
        "handler.py",
        "salesflow/__init__.py",
        "salesflow/seeds.py",
    ]
