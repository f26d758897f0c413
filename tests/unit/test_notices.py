"""What people are told of failures and of late runs."""

from __future__ import annotations

from typing import Any

from salesflow.notices import LONGEST_REASON, LONGEST_SUBJECT, failure_notice, lateness_notice

FAILURE: dict[str, Any] = {
    "stage": "dev",
    "dag_id": "daily_sales_reports",
    "task_id": "run_report[3]",
    "run_id": "scheduled__2026-03-05",
    "reason": "inventory of 2026-03-04 failed: TABLE_NOT_FOUND",
    "log_url": "http://127.0.0.1:8080/dags/daily_sales_reports/runs/x/tasks/run_report/mapped/3",
}


def test_a_failure_names_what_failed_where_why_and_its_log() -> None:
    notice = failure_notice(**FAILURE)
    assert notice.subject == "daily_sales_reports.run_report[3] failed (dev)"
    for said in FAILURE.values():
        assert said in notice.message


def test_what_is_too_long_is_cut_and_says_so() -> None:
    notice = failure_notice(**FAILURE | {"reason": "x" * 300_000})
    assert len(notice.message) < LONGEST_REASON + 1_000
    assert "the log has all of it" in notice.message


def test_a_subject_is_one_that_sns_takes() -> None:
    subject = failure_notice(**FAILURE | {"task_id": "é\n" + "y" * 200}).subject
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) == LONGEST_SUBJECT < 100


def test_a_failure_without_a_reason_says_that() -> None:
    assert "It gave no reason." in failure_notice(**FAILURE | {"reason": ""}).message


def test_a_late_run_is_told_with_its_state_and_when_it_was_due() -> None:
    notice = lateness_notice(
        stage="dev",
        dag_id="daily_sales_reports",
        run_id="scheduled__2026-03-05",
        due="2026-03-05T03:00:00+00:00",
        state="running",
        run_url="http://127.0.0.1:8080/dags/daily_sales_reports/runs/x",
    )
    assert notice.subject == "daily_sales_reports is late (dev)"
    assert "finished by 2026-03-05T03:00:00+00:00 (dev); it is running." in notice.message
    assert "runs/x" in notice.message
