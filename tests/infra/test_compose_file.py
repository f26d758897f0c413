"""The compose files and the Dockerfile, read: what a container may do and must not have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ENV_EXAMPLE = (ROOT / ".env.example").read_text()
ONE_SHOT = {"secrets", "init"}
MADE_SECRETS = (
    *("FERNET_KEY", "JWT_SECRET", "DATABASE_PASSWORD", "ADMIN_PASSWORD", "BROKER_PASSWORD"),
)
PUBLIC = {"postgres", "broker"}
"""Services that run somebody else's image."""

every_service = pytest.mark.parametrize("name", SERVICES)


@every_service
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    assert "privileged" not in service
    assert not any("docker.sock" in str(volume) for volume in service["volumes"])
    if name != "postgres":
        assert re.fullmatch(r"\$\{SALESFLOW_UID:-[1-9]\d*\}:0", service["user"])
        assert "cap_add" not in service


@every_service
def test_ports_are_bound_to_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{SALESFLOW_\w+:-\d+\}:\d+", port)


def test_only_airflow_and_the_local_aws_can_be_reached_from_outside() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {
        "api-server",
        "aws",
    }


@every_service
def test_a_service_has_no_name_that_a_second_stack_would_clash_with(name: str) -> None:
    assert not {"container_name", "hostname", "external_links"} & SERVICES[name].keys()


@every_service
def test_a_service_comes_back_and_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


@every_service
def test_no_secret_has_a_value_in_the_file(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|FERNET|TOKEN|CONN_CMD", variable):
            assert re.fullmatch(
                r"\$\{SALESFLOW_\w+:-\}|cat /var/lib/salesflow/secrets/[\w-]+|"
                r"/(var/lib/salesflow/)?secrets(/[\w.-]+)?",
                value,
            ), variable


def test_secrets_that_are_given_reach_the_step_alone_that_stores_them() -> None:
    for name, service in SERVICES.items():
        given = {f"SALESFLOW_{secret}" for secret in MADE_SECRETS} & service.get(
            "environment", {}
        ).keys()
        assert bool(given) == (name == "secrets")


def test_images_are_named_with_their_version() -> None:
    assert {SERVICES[name]["image"] for name in PUBLIC} == {
        "${SALESFLOW_POSTGRES:-postgres:17}",
        "${SALESFLOW_REDIS:-redis:8}",
    }
    assert "ARG PYTHON=python:3.13-slim-trixie\n" in DOCKERFILE
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON}"}


def test_all_of_ours_run_one_image_that_one_service_builds() -> None:
    images = {service["image"] for name, service in SERVICES.items() if name not in PUBLIC}
    assert images == {"${SALESFLOW_IMAGE:-salesflow:latest}"}
    assert [name for name, service in SERVICES.items() if "build" in service] == ["secrets"]


def test_the_image_runs_as_a_user_and_comes_from_the_lock_file() -> None:
    last_stage = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.findall(r"^USER (.*)", last_stage, re.MULTILINE) == ["1000:0"]
    assert "uv sync --locked --no-dev --group image" in DOCKERFILE
    assert "apt-get" not in DOCKERFILE
    assert "# syntax" not in DOCKERFILE
    # What changes most often comes last, so that a changed DAG makes one small layer.
    assert re.findall(r"^COPY (.*)", last_stage, re.MULTILINE)[-1] == "dags dags"


def test_nothing_enters_the_image_that_is_not_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == {
        *("pyproject.toml", "uv.lock", "src", "plugins", "lambdas", "infra", "dags", "docker")
    }


def test_code_is_mounted_read_only_and_for_development_alone() -> None:
    override = yaml.safe_load((ROOT / "docker-compose.override.yaml").read_text())
    for service in override["services"].values():
        assert all(volume.endswith(":ro") for volume in service["volumes"])
    assert not any(
        volume.startswith(("./src", "./dags", "./plugins"))
        for service in SERVICES.values()
        for volume in service["volumes"]
    )


def test_every_variable_is_explained() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yaml").read_text()))
    used -= {"SALESFLOW_IMAGE"}  # for tests of several images on one engine
    assert {name for name in used if not re.search(rf"^#? ?{name}=", ENV_EXAMPLE, re.M)} == set()
