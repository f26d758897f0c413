"""The Lambda handlers, called as AWS's runtime calls them."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from salesflow.writer import WriteTimeout
from unit.orders_table import Table

LAMBDAS = Path(__file__).parents[2] / "lambdas"
EVENTS = Path(__file__).parent / "events"
UNTIL = "2026-03-01T00:00:00Z"


def load(function: str) -> ModuleType:
    spec = spec_from_file_location(f"{function}_handler", LAMBDAS / function / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def context(remaining_ms: int = 60_000) -> Any:
    return SimpleNamespace(get_remaining_time_in_millis=lambda: remaining_ms)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def generate(table: Table, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = load("generate_orders")
    monkeypatch.setattr(module, "connect", table.client)
    monkeypatch.setenv("ORDERS_TABLE", "orders")
    return module.handler


def test_the_transform_answers_a_batch() -> None:
    event = json.loads((EVENTS / "firehose_invocation.json").read_text())
    answer = load("transform_orders").handler(event, context())
    assert [record["result"] for record in answer["records"]] == ["Ok"] * 3


def test_the_generator_returns_exact_counts(table: Table, generate: Any) -> None:
    answer = generate({"orders": 60, "days": 20, "until": UNTIL, "seed": 4}, context())
    assert answer["inserted"] == 60
    assert answer["inserted"] - answer["removed"] == len(table.items)
    assert answer["writes"] == len(table.log)
    assert (answer["seed"], answer["until"]) == (4, "2026-03-01T00:00:00+00:00")
    json.dumps(answer)


def test_a_retry_of_the_generator_changes_nothing(table: Table, generate: Any) -> None:
    event = {"orders": 30, "days": 20, "until": UNTIL}
    generate(event, context())
    before = dict(table.items)
    generate(event, context())
    assert table.items == before


def test_the_generator_ends_before_lambda_ends_it(table: Table, generate: Any) -> None:
    with pytest.raises(WriteTimeout, match="0 writes were acknowledged"):
        generate({"orders": 30, "until": UNTIL}, context(remaining_ms=4_000))
