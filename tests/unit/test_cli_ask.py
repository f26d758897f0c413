"""How answers are printed, and which options are refused, without an AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from salesflow.cli import ask
from salesflow.cli.app import app
from salesflow.queries import Answer, Row
from salesflow.questions.guard import Refused


def answer(names: list[str], *rows: Row) -> Answer:
    info: Any = tuple({"Name": name, "Type": "varchar"} for name in names)
    return Answer("id", info, iter(rows), 0, 0.1, "s3://results/id.csv")


def test_what_would_command_a_terminal_is_shown_by_pictures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ask._print_table(answer(["a\x1b[2J"], ("\x1b]0;x\x07",), ("\x9b2J\x7f\x00\r",)))
    shown = capsys.readouterr().out
    assert "a␛[2J" in shown
    assert "␛]0;x␇" in shown
    assert "\N{REPLACEMENT CHARACTER}2J␡␀␍" in shown
    assert not set(shown) & {"\x00", "\x07", "\r", "\x1b", "\x7f", "\x9b"}


def test_csv_and_json_have_the_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    ask._print_csv(answer(["a"], ("\x1b[2J",)))
    assert capsys.readouterr().out == "a\n\x1b[2J\n"
    ask._print_json(answer(["a"], ("\x1b[2J",)))
    assert json.loads(capsys.readouterr().out) == [{"a": "\x1b[2J"}]


def test_columns_of_one_name_are_not_lost_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused, match=r"2 columns are called a, .* name them with AS"):
        ask._print_json(answer(["a", "b", "a"], ("1", "2", "3")))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("hours", ["1e9", "inf", "nan", "0"])
def test_a_status_of_no_time_that_is_kept_is_refused(hours: str) -> None:
    done = CliRunner().invoke(app, ["status", "--hours", hours])
    assert done.exit_code == 2
    assert "--hours" in done.output
