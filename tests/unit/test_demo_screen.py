"""What the demo says at its end."""

from __future__ import annotations

import pytest

from salesflow.demo import screen


@pytest.mark.parametrize(
    ("chosen", "command"),
    [
        (None, 'eval "$(.venv/bin/salesflow aws --print-env)"'),
        ("14566", 'eval "$(.venv/bin/salesflow aws --print-env --port 14566)"'),
    ],
)
def test_the_line_for_another_shell_names_the_port_that_was_chosen(
    chosen: str | None,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("SALESFLOW_AWS_PORT", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    if chosen:
        monkeypatch.setenv("SALESFLOW_AWS_PORT", chosen)
    screen.show_end({"total": 1}, "http://127.0.0.1:8080", "secret", once=False)
    assert command in capsys.readouterr().out
