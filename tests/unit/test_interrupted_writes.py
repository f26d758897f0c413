"""What a kill may leave half done in the files of S3's objects and in CloudFormation's stacks."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from localaws.durable.objects import mend
from localaws.durable.stacks import REASON, being_updated, interrupt, progress

BUCKET = Path("000000000000/lake")


def written(folder: Path, key: str, body: bytes, at: int, described: int | None) -> Path:
    """An object's files, as written at some second."""
    path = folder / BUCKET / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    os.utime(path, (at, at))
    if described is not None:
        description = path.with_name(path.name + ".meta.json")
        told = {"size": 3, "etag": '"old"', "content_type": "text/x", "checksums": {"crc32": "1"}}
        description.write_text(json.dumps(told))
        os.utime(description, (described, described))
    return path


def test_an_object_that_is_described_stays_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, "a/b", b"old", 10, described=10)
    mend(tmp_path)
    assert path.read_bytes() == b"old"
    assert json.loads((path.parent / "b.meta.json").read_text())["etag"] == '"old"'


def test_an_object_that_was_replaced_is_described_as_what_it_is_now(tmp_path: Path) -> None:
    path = written(tmp_path, "a", b"newer", 20, described=10)
    mend(tmp_path)
    told = json.loads((path.parent / "a.meta.json").read_text())
    assert told == {
        "size": 5,
        "etag": f'"{hashlib.md5(b"newer").hexdigest()}"',
        "content_type": "text/x",
        "checksums": {},
        "last_modified": "1970-01-01T00:00:20.000Z",
    }


def test_what_was_begun_and_never_acknowledged_goes(tmp_path: Path) -> None:
    begun = written(tmp_path, "a.tmp", b"x", 10, described=None)
    undescribed = written(tmp_path, "b", b"x", 10, described=None)
    mend(tmp_path)
    assert not begun.exists()
    assert not undescribed.exists()


def test_former_versions_need_no_description(tmp_path: Path) -> None:
    path = written(tmp_path / ".versions", "a/1/a", b"x", 10, described=None)
    mend(tmp_path)
    assert path.exists()


def test_a_folder_that_is_not_there_needs_no_mending(tmp_path: Path) -> None:
    mend(tmp_path / "s3")


def stack(status: str) -> dict[str, Any]:
    return {"StackName": "books", "StackId": "arn:books", "StackStatus": status}


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        ("CREATE_IN_PROGRESS", "CREATE_FAILED"),
        ("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
        ("DELETE_IN_PROGRESS", "DELETE_FAILED"),
        ("ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
    ],
)
def test_an_interrupted_operation_has_failed_and_says_why(status: str, becomes: str) -> None:
    stacks = {("1", "r", "books"): stack(status)}
    events: dict[tuple[str, str, str], list[Any]] = {("1", "r", "arn:books"): []}
    before = progress(events)
    assert interrupt(stacks, events, "2026-01-01T00:00:00.000Z")
    assert stacks["1", "r", "books"]["StackStatus"] == becomes
    (event,) = events["1", "r", "arn:books"]
    assert (event["ResourceStatus"], event["ResourceStatusReason"]) == (becomes, REASON)
    assert progress(events) != before


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_nothing_happens_to_stays_as_it_is(status: str) -> None:
    stacks = {("1", "r", "books"): stack(status)}
    assert not interrupt(stacks, {}, "2026-01-01T00:00:00.000Z")
    assert stacks["1", "r", "books"] == stack(status)


def test_an_update_that_was_interrupted_is_known_by_its_event() -> None:
    # The stack itself is written as it was before, so that the update can be repeated whole.
    stacks = {("1", "r", "books"): stack("CREATE_COMPLETE")}
    begun = {
        "ResourceType": "AWS::CloudFormation::Stack",
        "PhysicalResourceId": "arn:books",
        "ResourceStatus": "UPDATE_IN_PROGRESS",
    }
    of_a_resource = {**begun, "PhysicalResourceId": "1", "ResourceStatus": "UPDATE_COMPLETE"}
    events = {("1", "r", "arn:books"): [begun, of_a_resource]}
    assert interrupt(stacks, events, "2026-01-01T00:00:00.000Z")
    assert stacks["1", "r", "books"]["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert not interrupt(stacks, events, "2026-01-01T00:00:01.000Z")


def test_a_stack_is_being_updated_until_its_update_is_complete() -> None:
    stacks = {
        ("1", "r", "a"): stack("UPDATE_IN_PROGRESS"),
        ("1", "r", "b"): stack("UPDATE_COMPLETE"),
        ("1", "r", "c"): stack("CREATE_IN_PROGRESS"),
    }
    assert being_updated(stacks) == ["a"]
