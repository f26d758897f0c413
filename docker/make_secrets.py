"""Makes the secrets that are not given, once, in a folder that a volume keeps.

Airflow's parts read them by its ``_CMD`` settings, the database by its entry point: no secret is in
an image, and none that was made here in any container's environment.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

SHORTEST = 8


class BadSecret(Exception):
    """A secret that was given can't be one; the message says which, and what to do."""


def fernet_key() -> str:
    """A new key as Airflow's Fernet takes it: 32 random bytes."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


MAKERS: Mapping[str, Callable[[], str]] = {
    "SALESFLOW_FERNET_KEY": fernet_key,
    "SALESFLOW_JWT_SECRET": lambda: secrets.token_urlsafe(48),
    "SALESFLOW_DATABASE_PASSWORD": lambda: secrets.token_urlsafe(24),
    "SALESFLOW_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(12),
    "SALESFLOW_BROKER_PASSWORD": lambda: secrets.token_urlsafe(24),
}
"""The variable that gives a secret → how one is made."""


def file_name(variable: str) -> str:
    """SALESFLOW_FERNET_KEY → fernet-key."""
    return variable.removeprefix("SALESFLOW_").lower().replace("_", "-")


def make_secrets(folder: Path, given: Mapping[str, str]) -> None:
    """Write every secret: the one that is given, else the one that is there, else a new one.

    Args:
        given: variable → value; an empty one is none.

    Raises:
        BadSecret: a given one is too short, or no Fernet key.
    """
    values = {}
    for variable, make in MAKERS.items():
        path = folder / file_name(variable)
        if value := given.get(variable, ""):
            _check(variable, value)
        else:
            value = path.read_text() if path.exists() else make()
        values[variable] = value
    database, broker = (
        quote(values[f"SALESFLOW_{name}_PASSWORD"], safe="") for name in ("DATABASE", "BROKER")
    )
    files = {file_name(variable): value for variable, value in values.items()} | {
        "database-url": f"postgresql+psycopg2://airflow:{database}@postgres/airflow",
        "broker-url": f"redis://:{broker}@broker:6379/0",
        "passwords.json": json.dumps({"admin": values["SALESFLOW_ADMIN_PASSWORD"]}),
    }
    for name, text in files.items():
        _write(folder / name, text)


def _check(variable: str, value: str) -> None:
    if len(value) < SHORTEST:
        raise BadSecret(f"{variable} has fewer than {SHORTEST} characters: give it more in .env")
    if variable == "SALESFLOW_FERNET_KEY":
        try:
            length = len(base64.urlsafe_b64decode(value))
        except (binascii.Error, ValueError):
            length = 0
        if length != 32:
            raise BadSecret(
                f"{variable} is no Fernet key (32 bytes in URL-safe base64): "
                "remove it from .env, and one is made"
            )


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, whole or not at all."""
    fresh = path.with_name(f".{path.name}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


if __name__ == "__main__":
    try:
        make_secrets(Path(sys.argv[1]), os.environ)
    except BadSecret as problem:
        sys.exit(f"salesflow: {problem}")
    except PermissionError as problem:
        sys.exit(
            f"salesflow: {problem.filename} can't be written by user {os.getuid()}: the volume was "
            "made by another one. Set SALESFLOW_UID in .env back to that user's"
        )
