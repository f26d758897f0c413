"""A deployment of Salesflow: its four stacks, what each hands to the next, and their packages.

A deployment is named by one prefix, ``salesflow-<stage>``. Every other name is read from the
outputs of its stacks, and a parameter of a stack that has the name of an output of an earlier
one gets its value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from botocore.exceptions import ClientError

from salesflow.packaging import LambdaPackage
from salesflow.patience import Patience
from salesflow.stack_state import find_stack
from salesflow.stacks import DeployResult, deploy_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

Connect = Callable[[str], Any]
"""Makes the client of an AWS service: ``boto3.Session().client``, or that of an Airflow hook."""

STACKS: Final = ("storage", "streaming", "analytics", "monitoring")
"""In the order in which they are deployed; deleted in the reverse order."""

STACKS_WITH_OUTPUTS: Final = ("storage", "streaming", "analytics")

_SERVING: Final = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATE_FAILED",
}


class StackMissing(LookupError):
    """A stack isn't there, or doesn't serve yet; the message names it."""


class ParameterError(ValueError):
    """A parameter has no value, or a value no parameter; the message names it."""


def deployment_prefix(stage: str) -> str:
    """What all names of a stage's deployment begin with."""
    return f"salesflow-{stage}"


def deployment_tags(prefix: str) -> dict[str, str]:
    """The tags of all resources of a deployment, for cost reports."""
    return {"salesflow-deployment": prefix}


def stack_name(prefix: str, stack: str) -> str:
    """Name of one of the ``STACKS`` of a deployment."""
    return f"{prefix}-{stack}"


def crawler_name(prefix: str) -> str:
    """Name of a deployment's crawler, which is known before its stack is there."""
    return f"{prefix}-orders-changelog"


def stack_outputs(
    client: CloudFormationClient, prefix: str, stacks: Sequence[str] = STACKS_WITH_OUTPUTS
) -> dict[str, str]:
    """The outputs of a deployment's stacks, merged: output key → value.

    Args:
        stacks: those that are asked for, of ``STACKS``.

    Raises:
        StackMissing: names the first stack that isn't there or has never been whole.
    """
    outputs: dict[str, str] = {}
    for stack in stacks:
        name = stack_name(prefix, stack)
        description = find_stack(client, name)
        if description is None:
            raise StackMissing(f"there is no stack {name}: deploy it first")
        if description["StackStatus"] not in _SERVING:
            raise StackMissing(f"the stack {name} is {description['StackStatus']}")
        for output in description.get("Outputs", []):
            outputs[output["OutputKey"]] = output["OutputValue"]
    return outputs


def template_parameters(template_body: str) -> dict[str, str | None]:
    """The parameters of a template in YAML, with their defaults; None if there is no default."""
    # Composed, not constructed: nodes are enough, and CloudFormation's own tags need no meaning.
    template = _children(yaml.compose(template_body, Loader=yaml.SafeLoader))
    parameters = _children(template["Parameters"]) if "Parameters" in template else {}
    defaults = {name: _children(node).get("Default") for name, node in parameters.items()}
    return {name: node.value if node else None for name, node in defaults.items()}


def parameters_for(
    template_body: str, outputs: Mapping[str, str], overrides: Mapping[str, str]
) -> dict[str, str]:
    """The values of a template's parameters: an override, else the output of the same name.

    A parameter with neither gets its default from CloudFormation.

    Raises:
        ParameterError: names the overrides that the template doesn't have, or the parameters
            that have no value.
    """
    declared = template_parameters(template_body)
    if unknown := sorted(set(overrides) - set(declared)):
        raise ParameterError(
            f"no such parameter: {', '.join(unknown)} (there are {', '.join(sorted(declared))})"
        )
    given = {name: value for name, value in outputs.items() if name in declared} | dict(overrides)
    if missing := sorted(
        name for name, default in declared.items() if default is None and name not in given
    ):
        raise ParameterError(f"no value for the parameter {', '.join(missing)}")
    return given


def overrides_by_stack(
    templates: Mapping[str, str], overrides: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Sort overrides of a whole deployment by the templates that declare them.

    Args:
        templates: stack → template body.
        overrides: parameter → value; one that several templates declare goes to each of them.

    Raises:
        ParameterError: names the overrides that no template declares, or the template that is
            no YAML.
    """
    declared = {}
    for stack, body in templates.items():
        try:
            declared[stack] = template_parameters(body)
        except yaml.YAMLError as error:
            raise ParameterError(f"{stack}.yaml is not YAML: {error}") from error
    everywhere = {name for names in declared.values() for name in names}
    if unknown := sorted(set(overrides) - everywhere):
        raise ParameterError(
            f"no such parameter: {', '.join(unknown)} (there are {', '.join(sorted(everywhere))})"
        )
    return {
        stack: {name: value for name, value in overrides.items() if name in names}
        for stack, names in declared.items()
    }


def read_templates(directory: Path) -> dict[str, str]:
    """The templates of all ``STACKS``, from ``<directory>/<stack>.yaml``: stack → body."""
    return {stack: (directory / f"{stack}.yaml").read_text(encoding="utf-8") for stack in STACKS}


def code_parameters(packages: Iterable[LambdaPackage]) -> dict[str, str]:
    """The parameters that name the Lambda packages: transform_orders → TransformCodeKey."""
    return {
        f"{package.function.partition('_')[0].capitalize()}CodeKey": package.s3_key
        for package in packages
    }


def upload_artefacts(
    client: S3Client, bucket: str, packages: Sequence[LambdaPackage]
) -> dict[str, str]:
    """Upload the packages that aren't in the artefact bucket yet.

    A key names its content by its SHA-256: what lies there already is the same.

    Returns:
        The parameters of the streaming stack that name them: parameter → key.
    """
    for package in packages:
        if not _object_exists(client, bucket, package.s3_key):
            client.put_object(
                Bucket=bucket,
                Key=package.s3_key,
                Body=package.path.read_bytes(),
                ContentType="application/zip",
            )
    return code_parameters(packages)


def crawler_is_idle(client: GlueClient, crawler: str) -> bool:
    """Whether a crawler may be updated or deleted: Glue refuses while it runs or stops."""
    try:
        return client.get_crawler(Name=crawler)["Crawler"]["State"] == "READY"
    except client.exceptions.EntityNotFoundException:
        return True


def await_idle_crawler(connect: Connect, crawler: str, patience: Patience) -> None:
    """Wait until a crawler runs no longer: Glue doesn't update or delete one that runs."""
    glue = connect("glue")
    patience.wait(
        f"the crawler {crawler} to end its run",
        lambda: True if crawler_is_idle(glue, crawler) else None,
    )


def deploy_all(
    connect: Connect,
    stage: str,
    templates: Mapping[str, str],
    packages: Sequence[LambdaPackage],
    overrides: Mapping[str, str] | None = None,
    *,
    preview: bool = False,
    patience: Patience | None = None,
) -> list[DeployResult]:
    """Deploy all stacks in order, each with the outputs of those before it, and wait.

    Args:
        templates: stack → body, see ``read_templates``.
        overrides: values of parameters of any of the stacks, without Stage.
        preview: show what would change. It ends at the first stack whose parameters come from
            one that isn't there yet.

    Raises:
        ParameterError: before anything is deployed.
        StackFailed, TemplateTooLarge, TimeoutError: as ``deploy_stack``.
    """
    patience = patience or Patience()
    client, prefix = connect("cloudformation"), deployment_prefix(stage)
    by_stack = overrides_by_stack(templates, dict(overrides or {}) | {"Stage": stage})
    results: list[DeployResult] = []
    outputs: dict[str, str] = code_parameters(packages)
    for stack in STACKS:
        try:
            parameters = parameters_for(templates[stack], outputs, by_stack[stack])
        except ParameterError:
            if preview and results:
                break
            raise
        if not preview:
            if stack == "streaming":
                upload_artefacts(connect("s3"), outputs["ArtefactBucketName"], packages)
            if stack == "analytics":
                await_idle_crawler(connect, crawler_name(prefix), patience)
        result = deploy_stack(
            client,
            stack_name(prefix, stack),
            templates[stack],
            parameters,
            tags=deployment_tags(prefix),
            preview=preview,
            patience=patience,
        )
        results.append(result)
        if find_stack(client, stack_name(prefix, stack)) is not None:
            outputs |= stack_outputs(client, prefix, [stack])
    return results


def _object_exists(client: S3Client, bucket: str, key: str) -> bool:
    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return False
        raise
    return True


def _children(mapping: Any) -> dict[str, Any]:
    return {key.value: value for key, value in mapping.value}
