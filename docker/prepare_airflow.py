"""Waits for what Airflow needs, migrates its database, and says in one line what is wrong.

Everything here has an end: a container that can't become ready stops with status 1.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import botocore.session
import psycopg2
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

DATABASE_SECONDS = 180
AWS_SECONDS = 180
BROKER_SECONDS = 60
MIGRATION_SECONDS = 600
LOCAL_PROFILE = "local"

# AWS's words for credentials that were valid once, and for those that never were.
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {"InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"}
_FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
_STALE_LOGIN = {"SSOTokenLoadError", "UnauthorizedSSOTokenError", "TokenRetrievalError"}


class NotReady(Exception):
    """Airflow can't start; the message says why, and what to do."""


def check_memory(available: int, needed: str) -> None:
    """Refuse a machine on which Airflow would be killed at work.

    Args:
        available: what the machine has, in MiB (of Docker Desktop: its virtual machine).
        needed: in MiB, as the user gives it.
    """
    if not needed.isdecimal():
        raise NotReady(f"SALESFLOW_MEMORY_NEEDED={needed} is no number of MiB: correct .env")
    if available < int(needed):
        raise NotReady(
            f"this machine gives containers {available:,} MiB of memory, {needed} are needed: "
            "give Docker more, or set SALESFLOW_MEMORY_NEEDED in .env to try with less"
        )


def machine_memory(meminfo: str) -> int:
    """The machine's memory in MiB, from the text of /proc/meminfo."""
    (line,) = (line for line in meminfo.splitlines() if line.startswith("MemTotal:"))
    return int(line.split()[1]) // 1024


def wait_for_database(connect: Callable[[], object], seconds: float) -> None:
    """Wait until the database takes connections.

    Args:
        connect: connects and closes; raises what psycopg2 raises.

    Raises:
        NotReady: it refuses the password, or doesn't answer in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connect()
            return
        except psycopg2.OperationalError as error:
            said = " ".join(str(error).split())
        if "password authentication failed" in said:
            raise NotReady(
                "the database refuses the password: its volume was made with another one. Give that"
                " one as SALESFLOW_DATABASE_PASSWORD in .env, or start anew with "
                "`docker compose down --volumes`, which deletes Airflow's history and the local AWS"
            )
        if "does not exist" in said:
            raise NotReady(
                "the database's first start was cut off, its volume is of no use: start anew with "
                "`docker compose down --volumes`"
            )
        if time.monotonic() > deadline:
            raise NotReady(
                f"the database doesn't answer within {seconds:g} s: `docker compose logs postgres` "
                f"says why (last: {said})"
            )
        time.sleep(1)


def check_aws(profile: str, region: str, seconds: float) -> str:
    """Ask AWS who we are and whether we may look at stacks.

    Args:
        seconds: how long AWS may take to answer at all; an answer that refuses ends it at once.

    Returns:
        The caller's ARN.

    Raises:
        NotReady: no, expired or unknown credentials, no permission, no answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return _ask_aws(profile, region)
        except (BotoCoreError, ClientError) as error:
            if problem := _refusal(error, profile):
                raise NotReady(problem) from error
            if time.monotonic() > deadline:
                raise NotReady(
                    f"AWS doesn't answer within {seconds:g} s, as profile {profile}: {error}"
                ) from error
        time.sleep(1)


def _ask_aws(profile: str, region: str) -> str:
    core = botocore.session.Session(profile=profile)
    session = boto3.Session(botocore_session=core, region_name=region)
    once = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
    caller = session.client("sts", config=once).get_caller_identity()["Arn"]
    try:
        session.client("cloudformation", config=once).describe_stacks()
    except ClientError as error:
        if error.response["Error"]["Code"] in _FORBIDDEN:
            raise NotReady(
                f"{caller} (profile {profile}) may not use CloudFormation in {region}: "
                f"{error.response['Error']['Message']}. Give it the rights that docs/runbook.md "
                "lists, or choose another SALESFLOW_AWS_PROFILE in .env"
            ) from error
        raise
    return str(caller)


def _refusal(error: BotoCoreError | ClientError, profile: str) -> str:
    """What is wrong and what to do, or nothing if AWS may yet answer."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if isinstance(error, ProfileNotFound):
        return (
            f"there is no AWS profile {profile} in the folder SALESFLOW_AWS_CONFIG: "
            "correct SALESFLOW_AWS_PROFILE or SALESFLOW_AWS_CONFIG in .env"
        )
    if code in _EXPIRED or type(error).__name__ in _STALE_LOGIN:
        return (
            f"the AWS credentials of profile {profile} have expired: renew them "
            f"(`aws sso login --profile {profile}`) and run `make up` again"
        )
    if code in _UNKNOWN:
        return f"AWS doesn't know the credentials of profile {profile}: correct them in ~/.aws"
    if code in _FORBIDDEN:
        return f"AWS refuses the credentials of profile {profile}: {error}"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return (
            f"profile {profile} has no AWS credentials that user {os.getuid()} can read here: "
            "add them, or set SALESFLOW_UID in .env to the owner of the files"
        )
    return ""


def wait_for_broker(connect: Callable[[], object], seconds: float) -> None:
    """Wait until the workers' broker takes connections.

    Args:
        connect: connects and closes; raises what sockets raise.

    Raises:
        NotReady: it doesn't in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connect()
            return
        except OSError as error:
            said = error
        if time.monotonic() > deadline:
            raise NotReady(
                f"the workers' broker doesn't answer within {seconds:g} s ({said}): "
                "COMPOSE_PROFILES in .env can be celery only; `docker compose logs broker` says why"
            )
        time.sleep(1)


def migrate(seconds: float) -> None:
    """Bring Airflow's database to the image's version; doing it twice changes nothing.

    Raises:
        NotReady: with the end of what Airflow said.
    """
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise NotReady(
            f"the database isn't migrated after {seconds:g} s: does another Airflow hold a lock on "
            "it? Stop what uses it (`docker compose stop`) and run `make up` again"
        ) from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NotReady(
            f"the database can't be migrated: {lines[-1] if lines else 'no reason was given'}. "
            "Was it made by a newer Airflow? Then use that image, or restore a backup"
        )


def main() -> None:
    """All of it, in the order in which a beginner would look."""
    secrets = Path(os.environ["SALESFLOW_SECRETS"])
    profile, region = os.environ["AWS_PROFILE"], os.environ["AWS_DEFAULT_REGION"]

    def connect() -> None:
        psycopg2.connect(
            host="postgres",
            user="airflow",
            dbname="airflow",
            password=(secrets / "database-password").read_text(),
            connect_timeout=5,
        ).close()

    def connect_broker() -> None:
        socket.create_connection(("broker", 6379), timeout=5).close()

    try:
        available = machine_memory(Path("/proc/meminfo").read_text())
        check_memory(available, os.environ["SALESFLOW_MEMORY_NEEDED"])
        caller = check_aws(profile, region, AWS_SECONDS)
        wait_for_database(connect, DATABASE_SECONDS)
        if "CeleryExecutor" in os.environ["AIRFLOW__CORE__EXECUTOR"]:
            wait_for_broker(connect_broker, BROKER_SECONDS)
        migrate(MIGRATION_SECONDS)
    except NotReady as problem:
        sys.exit(f"salesflow: {problem}")
    print(f"ready: Airflow's database is migrated, AWS is {caller} in {region}")


if __name__ == "__main__":
    main()
