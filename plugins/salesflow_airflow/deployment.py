"""The deployment that a run works on: its names, its parameters and its packages, as tasks."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from botocore.config import Config

from salesflow.deployment import (
    ParameterError,
    StackMissing,
    code_parameters,
    deployment_prefix,
    overrides_by_stack,
    read_templates,
    stack_outputs,
    upload_artefacts,
)
from salesflow.packaging import LambdaPackage, PackagingError, build_package
from salesflow_airflow.defaults import PROJECT

TEMPLATES: Final = PROJECT / "infra" / "cloudformation"
LAMBDAS: Final = PROJECT / "lambdas"


def connect(
    service: str, aws_conn_id: str | None = "aws_default", config: Config | None = None
) -> Any:
    """The boto3 client of a service, with the credentials and endpoint of a connection."""
    return AwsBaseHook(aws_conn_id=aws_conn_id, client_type=service, config=config).conn


@task
def read_outputs(params: dict[str, Any], dag_run: Any) -> dict[str, str]:
    """The outputs of the stage's stacks: the only place that names of resources come from.

    A scheduled run skips what a person would be told is an error: nothing is deployed (yet).
    """
    try:
        return stack_outputs(connect("cloudformation"), deployment_prefix(params["stage"]))
    except StackMissing as error:
        if dag_run.run_type == "scheduled":
            raise AirflowSkipException(str(error)) from error
        raise AirflowFailException(f"{error} (DAG deploy_pipeline)") from error


@task
def sort_parameters(
    named: dict[str, str], params: dict[str, Any], templates: Path = TEMPLATES
) -> dict[str, dict[str, str]]:
    """Which template parameters each stack is given: stack → parameter → value.

    Args:
        named: parameter → name of the param that has its value. The param `parameters` has more.
    """
    overrides = {parameter: params[name] for parameter, name in named.items()}
    overrides |= params["parameters"]
    try:
        return overrides_by_stack(
            read_templates(templates), {name: _text(value) for name, value in overrides.items()}
        )
    except ParameterError as error:
        raise AirflowFailException(str(error)) from error


def _text(value: Any) -> str:
    """A value as CloudFormation takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@task
def package_lambdas(lambdas: Path = LAMBDAS) -> dict[str, str]:
    """Package the functions, before anything is touched; the parameters that name the packages."""
    with TemporaryDirectory() as target:
        return code_parameters(_build(lambdas, Path(target)))


@task
def upload_lambdas(params: dict[str, Any], lambdas: Path = LAMBDAS) -> None:
    """Upload the packages that aren't in the artefact bucket yet; nothing in a preview.

    They are built again, perhaps on another worker: the same source gives the same bytes.
    """
    if params["preview"]:
        return
    prefix = deployment_prefix(params["stage"])
    bucket = stack_outputs(connect("cloudformation"), prefix, ["storage"])["ArtefactBucketName"]
    with TemporaryDirectory() as target:
        upload_artefacts(connect("s3"), bucket, _build(lambdas, Path(target)))


def _build(lambdas: Path, target: Path) -> list[LambdaPackage]:
    try:
        return [build_package(path.parent, target) for path in sorted(lambdas.glob("*/handler.py"))]
    except PackagingError as error:
        raise AirflowFailException(str(error)) from error
