"""The data directory: whole or absent after a kill, and one process at a time."""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localaws.durable.directory import Changes, DataDirectory, DirectoryRefused, NotKept

WRITER = "MiniStack 1"
#: Writes pairs of rows without end, and tells of each that is written.
WRITES = """
import sys
from pathlib import Path
from localaws.durable.directory import Changes, DataDirectory
directory = DataDirectory(Path(sys.argv[1]), "MiniStack 1")
number = len(directory.rows("a"))
while True:
    changes = Changes()
    for store in "ab":
        changes.put(store, f"{number:09d}", bytes(3000))
    directory.write(changes)
    print(number, flush=True)
    number += 1
"""


def put(directory: DataDirectory, key: str, value: bytes = b"1") -> None:
    changes = Changes()
    changes.put("a", key, value)
    directory.write(changes)


def keys(directory: DataDirectory, store: str = "a") -> list[str]:
    return [key for key, _ in directory.rows(store)]


@contextmanager
def opened(path: Path, writer: str = WRITER) -> Iterator[DataDirectory]:
    directory = DataDirectory(path, writer)
    try:
        yield directory
    finally:
        directory.close()


def test_what_was_written_survives_kills_and_nothing_is_half_there(tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged = -1
    for _ in range(6):
        command = [sys.executable, "-c", WRITES, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 4000)):
                acknowledged = int(process.stdout.readline())
            process.kill()
            told = [
                int(line)
                for line in process.stdout.read().splitlines(keepends=True)
                if line.endswith("\n")
            ]
            acknowledged = max([acknowledged, *told])
        with opened(tmp_path) as directory:
            assert keys(directory, "a") == keys(directory, "b")
            assert len(keys(directory)) in (acknowledged + 1, acknowledged + 2)


def test_a_torn_last_write_is_dropped_and_all_before_it_is_there(tmp_path: Path) -> None:
    with opened(tmp_path / "written") as directory:
        put(directory, "1")
        put(directory, "2")
        shutil.copytree(tmp_path / "written", tmp_path / "torn")
    with (tmp_path / "torn" / "state.sqlite-wal").open("r+b") as journal:
        journal.truncate(journal.seek(0, 2) - 100)
    with opened(tmp_path / "torn") as directory:
        assert keys(directory) == ["1"]
        put(directory, "3")
        assert keys(directory) == ["1", "3"]


def test_a_directory_that_was_being_made_is_taken_for_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").touch()
    (tmp_path / "lock").write_text("1")
    with opened(tmp_path) as directory:
        assert keys(directory) == []


def test_rows_are_replaced_deleted_dropped_and_trimmed_in_their_order(tmp_path: Path) -> None:
    with opened(tmp_path) as directory:
        changes = Changes()
        for key in "1234":
            changes.put("a", key, b"old")
        changes.put("b", "1", b"old")
        changes.trim("a", "3")
        changes.delete("a", "4")
        changes.drop("b")
        changes.put("b", "2", b"new")
        directory.write(changes)
        assert (keys(directory, "a"), keys(directory, "b")) == (["3"], ["2"])
        assert directory.stores("b") == ["b"]


def test_a_second_process_is_refused_by_the_first_ones_number(tmp_path: Path) -> None:
    with opened(tmp_path):
        command = [sys.executable, "-c", WRITES, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "is in use by another local AWS (process " in done.stderr
    with opened(tmp_path) as directory:
        assert keys(directory) == []


@pytest.mark.parametrize(
    ("holds", "says"),
    [
        ("notes.txt", "is not a data directory of the local AWS: it holds notes.txt"),
        ("localaws", "was written by an earlier version"),
    ],
)
def test_a_foreign_directory_is_refused_and_left_as_it_is(
    tmp_path: Path, holds: str, says: str
) -> None:
    (tmp_path / holds).mkdir()
    with pytest.raises(DirectoryRefused, match=says):
        DataDirectory(tmp_path, WRITER)
    assert (tmp_path / holds).is_dir()
    assert not (tmp_path / "state.sqlite").exists()


def test_the_root_of_a_fresh_disk_is_no_foreign_directory(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    with opened(tmp_path) as directory:
        assert keys(directory) == []


def test_state_of_another_version_is_refused_by_its_name(tmp_path: Path) -> None:
    with opened(tmp_path) as directory:
        put(directory, "1")
    with pytest.raises(DirectoryRefused, match="written by MiniStack 1, format 1; this is MiniSt"):
        DataDirectory(tmp_path, "MiniStack 2")
    with opened(tmp_path) as directory:
        assert keys(directory) == ["1"]


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_text("not a database, but long enough to be one" * 100)
    with pytest.raises(DirectoryRefused, match="can't be read as the state of a local AWS"):
        DataDirectory(tmp_path, WRITER)


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DirectoryRefused, match="can't be used: File exists"):
        DataDirectory(tmp_path / "file", WRITER)


def test_what_a_full_disk_refuses_is_told_and_can_be_written_again(tmp_path: Path) -> None:
    with opened(tmp_path) as directory:
        put(directory, "1")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = (tmp_path / "state.sqlite-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(NotKept, match=r"state.sqlite can't be written"):
                put(directory, "2", bytes(100_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert keys(directory) == ["1"]
        put(directory, "2", bytes(100_000))
        assert keys(directory) == ["1", "2"]
