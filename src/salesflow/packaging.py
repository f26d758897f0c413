"""Packages the Lambda functions: the handler, the part of salesflow that it imports, and Faker.

The same source gives the same bytes, whoever builds it and where, so a package's SHA-256 says
whether there is anything to deploy.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import salesflow

_OWN_PACKAGE: Final = "salesflow"
_OWN_SOURCE: Final = Path(salesflow.__file__).parent
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included
_IN_THE_RUNTIME: Final = frozenset({"boto3", "botocore"})
# The earliest time that a zip can hold. Every entry has it.
_TIMESTAMP: Final = (1980, 1, 1, 0, 0, 0)
_PERMISSIONS: Final = 0o644
_UNIX: Final = 3

# What the names of American people and cities need of Faker, which has 13 MB of other countries.
# A distribution that isn't listed here can't be packaged.
_DISTRIBUTIONS: Final[dict[str, tuple[str, ...]]] = {
    "faker": (
        *(f"faker/{module}.py" for module in ("__init__", "config", "exceptions", "factory")),
        *(f"faker/{module}.py" for module in ("generator", "proxy", "typing")),
        "faker/utils/*.py",
        "faker/providers/__init__.py",
        *(f"faker/providers/{name}/__init__.py" for name in ("address", "date_time", "person")),
        *(f"faker/providers/{name}/en/*.py" for name in ("address", "person")),
        *(f"faker/providers/{name}/en_US/*.py" for name in ("address", "person")),
        "*.dist-info/licenses/*",
    )
}


class PackagingError(Exception):
    """The function can't be packaged; the message says what is wrong with which file."""


@dataclass(frozen=True, slots=True)
class LambdaPackage:
    """A function's zip: where it lies, its SHA-256 (hexadecimal) and its size in bytes."""

    function: str
    path: Path
    sha256: str
    size: int

    @property
    def s3_key(self) -> str:
        """The key under which the package lies in the artefact bucket; it changes with the code."""
        return f"lambdas/{self.function}/{self.sha256}.zip"


def build_package(source: Path, target: Path) -> LambdaPackage:
    """Package the function whose `handler.py` lies in the directory `source`, in `target`.

    The function is named as the directory. The zip is stored, not compressed: what a compressor
    makes of the same source depends on its version. Raises `PackagingError`.
    """
    content = _zip(package_files(source))
    digest = sha256(content).hexdigest()
    path = target / source.name / f"{digest}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return LambdaPackage(source.name, path, digest, len(content))


def package_files(source: Path) -> dict[str, Path]:
    """What goes into the package of the function in `source`: name in the zip → file."""
    if not (source / "handler.py").is_file():
        raise PackagingError(f"{source} has no handler.py")
    files = {path.name: path for path in source.glob("*.py")}
    unread = list(files.values())
    while unread:
        path = unread.pop()
        for module in _imports(path):
            for name, found in _files_of(module, path).items():
                if name not in files:
                    files[name] = found
                    if name.startswith(f"{_OWN_PACKAGE}/"):
                        unread.append(found)
    return files


def _files_of(module: str, importer: Path) -> dict[str, Path]:
    """The files that importing `module` takes: none, if the runtime or the handler has it."""
    top = module.partition(".")[0]
    if top == _OWN_PACKAGE:
        return _own_files(module, importer)
    if top in _DISTRIBUTIONS:
        return _distribution_files(top)
    if (
        top in sys.stdlib_module_names
        or top in _IN_THE_RUNTIME
        or (importer.parent / f"{top}.py").is_file()
    ):
        return {}
    raise PackagingError(f"{importer} imports {module}, which no package carries")


def _own_files(module: str, importer: Path) -> dict[str, Path]:
    names = [f"{_OWN_PACKAGE}/__init__.py"]
    if module != _OWN_PACKAGE:
        names.append(module.replace(".", "/") + ".py")
    files = {name: _OWN_SOURCE.parent / name for name in names}
    for path in files.values():
        if not path.is_file():
            raise PackagingError(f"{importer} imports {module}, but there is no {path}")
    return files


def _distribution_files(name: str) -> dict[str, Path]:
    try:
        installed = distribution(name).files
    except PackageNotFoundError:
        raise PackagingError(f"{name} isn't installed") from None
    wanted = {
        file.as_posix(): Path(str(file.locate()))
        for file in installed or ()
        if any(_matches(file, pattern) for pattern in _DISTRIBUTIONS[name])
    }
    if not wanted:
        raise PackagingError(f"the installed {name} doesn't list its files")
    return wanted


def _matches(file: PackagePath, pattern: str) -> bool:
    return file.match(pattern) and len(file.parts) == len(Path(pattern).parts)


def _imports(path: Path) -> Iterator[str]:
    """The modules that a file imports at run time, wherever in it."""
    unread: list[ast.AST] = [ast.parse(path.read_bytes(), str(path))]
    while unread:
        node = unread.pop()
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                unread.extend(node.orelse)
                continue
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                if module == _OWN_PACKAGE:
                    yield from (f"{module}.{alias.name}" for alias in node.names)
                else:
                    yield module
            case ast.ImportFrom():
                raise PackagingError(f"{path}:{node.lineno} has a relative import")
        unread.extend(ast.iter_child_nodes(node))


def _zip(files: dict[str, Path]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name in sorted(files):
            entry = ZipInfo(name, _TIMESTAMP)
            # ZipInfo notes the system that it was made on.
            entry.create_system = _UNIX
            entry.external_attr = _PERMISSIONS << 16
            archive.writestr(entry, files[name].read_bytes())
    return buffer.getvalue()
