"""Objects of S3: MiniStack writes each as a file, and then a second one that describes it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_DESCRIPTION: Final = ".meta.json"
_UNFINISHED: Final = ".tmp"
#: Former versions have no description of their own.
_VERSIONS: Final = ".versions"


def mend(folder: Path) -> None:
    """End the writes that a kill interrupted, none of which was acknowledged.

    A file that was begun goes, and so does an object that isn't described. An object that was
    replaced is described as what it is now.
    """
    for path in sorted(folder.rglob("*")):
        if _VERSIONS in path.relative_to(folder).parts or not path.is_file():
            continue
        if path.name.endswith(_UNFINISHED):
            path.unlink()
        elif not path.name.endswith(_DESCRIPTION):
            description = path.with_name(path.name + _DESCRIPTION)
            if not description.exists():
                path.unlink()
            elif description.stat().st_mtime_ns < path.stat().st_mtime_ns:
                _describe(path, description)


def _describe(path: Path, description: Path) -> None:
    body = path.read_bytes()
    replaced = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    changed = {
        "size": len(body),
        "etag": f'"{hashlib.md5(body).hexdigest()}"',  # noqa: S324 - what S3's ETag is
        "last_modified": f"{replaced:%Y-%m-%dT%H:%M:%S}.{replaced.microsecond // 1000:03d}Z",
        "checksums": {},
    }
    fresh = description.with_name(description.name + _UNFINISHED)
    fresh.write_text(json.dumps({**json.loads(description.read_text()), **changed}))
    fresh.replace(description)
