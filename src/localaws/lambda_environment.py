"""What a Lambda function finds when it runs: AWS's Python runtime, and not our environment.

MiniStack runs a Python function with ``sys.executable``, that is with everything that is installed
here. A package that its zip lacks would then be found, and be missed on AWS only. So the server's
``sys.executable`` becomes a launcher: it starts MiniStack's Lambda workers with the standard
library and what AWS's runtime brings along, and anything else as ever.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

#: The distributions of AWS's Python runtime.
RUNTIME: Final = (
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "six",
    "urllib3",
)

# MiniStack starts `<python> <temporary directory>/ministack-lambda-<function>-<random>/_worker.py`.
_LAUNCHER: Final = """\
#!/bin/sh
case "$1" in
    */ministack-lambda-*/_worker.py)
        unset PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV
        PYTHONPATH={packages} exec {python} -S -s "$@";;
esac
exec {python} "$@"
"""

# The directory lives as long as the process.
_directories: Final[list[tempfile.TemporaryDirectory[str]]] = []


def isolate_functions() -> None:
    """Have the functions of this process run as on AWS. Doing it twice changes nothing."""
    if _directories:
        return
    _directories.append(tempfile.TemporaryDirectory(prefix="localaws-lambda-"))
    home = Path(_directories[0].name)
    packages = home / "packages"
    packages.mkdir()
    for name in RUNTIME:
        _link(name, packages)
    launcher = home / "python"
    launcher.write_text(
        _LAUNCHER.format(packages=shlex.quote(str(packages)), python=shlex.quote(sys.executable))
    )
    launcher.chmod(0o755)
    sys.executable = str(launcher)


def _link(name: str, packages: Path) -> None:
    """Link the top level of an installed distribution into a directory."""
    found = distribution(name)
    tops = {file.parts[0] for file in found.files or () if ".." not in file.parts}
    for top in tops - {"__pycache__"}:
        (packages / top).symlink_to(Path(str(found.locate_file(top))))
