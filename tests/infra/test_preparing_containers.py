"""What runs before Airflow: secrets are made once, and what is wrong is said in a line."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs

import psycopg2
import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    """A file of docker/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docker" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_secrets = script("make_secrets")
prepare_airflow = script("prepare_airflow")


def kept(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    make_secrets.make_secrets(tmp_path, {})
    first = kept(tmp_path)
    make_secrets.make_secrets(tmp_path, {"SALESFLOW_JWT_SECRET": ""})
    assert kept(tmp_path) == first
    Fernet(first["fernet-key"])
    assert len(set(first.values())) == len(first)
    # Airflow takes what `cat` prints as it is, so a line's end would be a part of the secret.
    assert not any(value != value.strip() for value in first.values())


def test_nobody_else_may_read_a_secret(tmp_path: Path) -> None:
    make_secrets.make_secrets(tmp_path, {})
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_given_secret_takes_the_place_of_the_kept_one(tmp_path: Path) -> None:
    make_secrets.make_secrets(tmp_path, {})
    given = {"SALESFLOW_DATABASE_PASSWORD": "p@ss/w:rd%", "SALESFLOW_ADMIN_PASSWORD": 'a"b\\cdefg'}
    before = kept(tmp_path)
    make_secrets.make_secrets(tmp_path, given)
    after = kept(tmp_path)
    assert after["database-password"] == "p@ss/w:rd%"
    assert after["database-url"] == (
        "postgresql+psycopg2://airflow:p%40ss%2Fw%3Ard%25@postgres/airflow"
    )
    assert after["passwords.json"] == '{"admin": "a\\"b\\\\cdefg"}'
    assert after["fernet-key"] == before["fernet-key"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"SALESFLOW_ADMIN_PASSWORD": "short"}, "SALESFLOW_ADMIN_PASSWORD has fewer than 8"),
        ({"SALESFLOW_FERNET_KEY": "not-a-fernet-key"}, "SALESFLOW_FERNET_KEY is no Fernet key"),
        ({"SALESFLOW_FERNET_KEY": "ääääääääää"}, "SALESFLOW_FERNET_KEY is no Fernet key"),
    ],
    ids=["short", "no-key", "no-ascii"],
)
def test_what_can_be_no_secret_is_named_and_changes_nothing(
    given: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    make_secrets.make_secrets(tmp_path, {})
    before = kept(tmp_path)
    with pytest.raises(make_secrets.BadSecret, match=sentence):
        make_secrets.make_secrets(tmp_path, given)
    assert kept(tmp_path) == before


def test_too_little_memory_is_said_with_both_numbers() -> None:
    available = prepare_airflow.machine_memory("MemTotal:        2097152 kB\nMemFree:  1 kB\n")
    assert available == 2048
    prepare_airflow.check_memory(available, "2048")
    with pytest.raises(prepare_airflow.NotReady, match="2,048 MiB of memory, 3500 are needed"):
        prepare_airflow.check_memory(available, "3500")


def test_memory_that_is_no_number_is_named() -> None:
    with pytest.raises(prepare_airflow.NotReady, match="SALESFLOW_MEMORY_NEEDED=4g is no number"):
        prepare_airflow.check_memory(2048, "4g")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            'FATAL:  password authentication failed for user "airflow"',
            "the database refuses the password: its volume was made with another one",
        ),
        ('FATAL:  database "airflow" does not exist', "the database's first start was cut off"),
    ],
    ids=["password", "half-made"],
)
def test_a_refusal_of_the_database_is_not_waited_for(said: str, sentence: str) -> None:
    def connect() -> None:
        raise psycopg2.OperationalError(said)

    with pytest.raises(prepare_airflow.NotReady, match=sentence):
        prepare_airflow.wait_for_database(connect, 3600)


def test_waiting_for_the_database_has_an_end_that_says_where_to_look() -> None:
    def connect() -> None:
        raise psycopg2.OperationalError("connection refused\n\tIs the server running?")

    with pytest.raises(prepare_airflow.NotReady, match="docker compose logs postgres") as refused:
        prepare_airflow.wait_for_database(connect, -1)
    assert "\n" not in str(refused.value)


def test_waiting_for_the_workers_broker_has_an_end_too() -> None:
    answers = iter([ConnectionRefusedError("refused"), None])

    def connect() -> None:
        if error := next(answers):
            raise error

    with pytest.raises(prepare_airflow.NotReady, match="COMPOSE_PROFILES"):
        prepare_airflow.wait_for_broker(connect, -1)
    prepare_airflow.wait_for_broker(connect, -1)


ERROR = """<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>
</Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"""
CALLER = """<GetCallerIdentityResponse><GetCallerIdentityResult>
<Arn>arn:aws:iam::111122223333:user/ada</Arn><UserId>A</UserId><Account>111122223333</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
STACKS = """<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult>
</DescribeStacksResponse>"""


class Account(HTTPServer):
    """An account that answers as STS and CloudFormation do: an error per action, if it has one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), AccountHandler)
        self.errors: dict[str, tuple[str, str]] = {}


class AccountHandler(BaseHTTPRequestHandler):
    server: Account

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = parse_qs(body)["Action"][0]
        status, text = 200, {"GetCallerIdentity": CALLER, "DescribeStacks": STACKS}[action]
        if action in self.server.errors:
            code, message = self.server.errors[action]
            status, text = 403, ERROR.format(code=code, message=message)
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test says what happened."""


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account, and the profile `work` on it in a configuration of the test's own."""
    server = Account()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text(
        f"[profile work]\nendpoint_url = http://127.0.0.1:{server.server_port}\n"
        "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"
        "[profile bare]\nregion = us-east-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_account_says_who_we_are(account: Account) -> None:
    assert prepare_airflow.check_aws("work", "us-east-1", 30) == (
        "arn:aws:iam::111122223333:user/ada"
    )


@pytest.mark.parametrize(
    ("action", "code", "sentence"),
    [
        ("GetCallerIdentity", "ExpiredToken", "credentials of profile work have expired: renew"),
        ("GetCallerIdentity", "InvalidClientTokenId", "AWS doesn't know the credentials of"),
        (
            "DescribeStacks",
            "AccessDenied",
            r"user/ada \(profile work\) may not use CloudFormation in us-east-1: no, said AWS",
        ),
        ("DescribeStacks", "ExpiredToken", "credentials of profile work have expired: renew"),
    ],
    ids=["expired", "unknown", "forbidden", "expired-meanwhile"],
)
def test_a_refusal_of_the_account_is_not_waited_for(
    action: str, code: str, sentence: str, account: Account
) -> None:
    account.errors[action] = (code, "no, said AWS")
    with pytest.raises(prepare_airflow.NotReady, match=sentence):
        prepare_airflow.check_aws("work", "us-east-1", 3600)


def test_a_profile_that_is_not_there_is_named(account: Account) -> None:
    with pytest.raises(prepare_airflow.NotReady, match="there is no AWS profile home in the"):
        prepare_airflow.check_aws("home", "us-east-1", 3600)


def test_a_profile_without_credentials_is_named(account: Account) -> None:
    with pytest.raises(prepare_airflow.NotReady, match="profile bare has no AWS credentials that"):
        prepare_airflow.check_aws("bare", "us-east-1", 3600)


def test_waiting_for_aws_has_an_end(account: Account) -> None:
    account.errors["GetCallerIdentity"] = ("Throttling", "slow down")
    with pytest.raises(prepare_airflow.NotReady, match="AWS doesn't answer within -1 s, as prof"):
        prepare_airflow.check_aws("work", "us-east-1", -1)


def test_the_local_profile_names_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(ROOT / "docker" / "aws" / "config"))
    import botocore.session

    session = botocore.session.Session(profile="local")
    assert session.get_scoped_config()["endpoint_url"] == "http://aws:4566"


def test_without_docker_it_is_said_what_to_install(tmp_path: Path) -> None:
    for tool in ("mktemp", "rm"):
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    done = subprocess.run(
        ["/bin/sh", ROOT / "docker" / "up.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "salesflow: there is no command 'docker': install Docker with Compose v2\n"
    )
