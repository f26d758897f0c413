"""Deploys one stack of a deployment by change set."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.hooks.cloud_formation import CloudFormationHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from salesflow.deployment import (
    STACKS,
    STACKS_WITH_OUTPUTS,
    ParameterError,
    StackMissing,
    deployment_tags,
    parameters_for,
    stack_name,
    stack_outputs,
)
from salesflow.patience import Patience
from salesflow.stack_state import StackFailed
from salesflow.stacks import (
    Busy,
    NoChange,
    Preview,
    Started,
    TemplateTooLarge,
    raise_if_failed,
    start_deploy,
)
from salesflow_airflow.triggers.polling import event_or_defer, seen
from salesflow_airflow.triggers.stack import StackSettledTrigger

Outcome = dict[str, Any]

_CHANGE_SET_PATIENCE = Patience(timeout=120, interval=1)


class DeployStackOperator(AwsBaseOperator[CloudFormationHook]):
    """Creates or updates a stack, or leaves it alone if nothing changes; waits deferred.

    What a failed creation left behind is removed first, an operation under way is awaited. A
    failure shows the stack's events; after a failed update the stack is as it was before.

    Args:
        stack: one of `salesflow.deployment.STACKS`; its template is ``<templates>/<stack>.yaml``.
        overrides: template parameters; the others get the earlier stacks' outputs of the same
            name, else their defaults.
        code: parameters that name the Lambda packages, for the template that has them.
        preview: show the change set and change nothing.
        timeout_seconds: for everything that has to be awaited, together.
    """

    aws_hook_class = CloudFormationHook
    template_fields: Sequence[str] = aws_template_fields("prefix", "overrides", "code", "preview")

    def __init__(
        self,
        *,
        stack: str,
        prefix: str,
        templates: Path,
        overrides: Mapping[str, str],
        code: Mapping[str, str] | None = None,
        preview: bool = False,
        timeout_seconds: float = 1800,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stack = stack
        self.prefix = prefix
        self.templates = templates
        self.overrides = overrides
        self.code = code
        self.preview = preview
        self.timeout_seconds = timeout_seconds

    def execute(self, context: Context) -> Outcome:
        """Start, and wait for it."""
        return self._deploy(context, time.time() + self.timeout_seconds)

    def deploy_again(self, context: Context, event: dict[str, Any]) -> Outcome:
        """Start anew, what was in the way being over."""
        return self._deploy(context, seen(event)["kept"]["deadline"])

    def finish(self, context: Context, event: dict[str, Any]) -> Outcome:
        """Judge what the stack has come to."""
        return self._judge(Started(**seen(event)["kept"]["started"]))

    def _deploy(self, context: Context, deadline: float) -> Outcome:
        client, name = self.hook.conn, stack_name(self.prefix, self.stack)
        try:
            body = (self.templates / f"{self.stack}.yaml").read_text(encoding="utf-8")
            step = start_deploy(
                client,
                name,
                body,
                parameters_for(body, self._outputs(), dict(self.overrides) | dict(self.code or {})),
                tags=deployment_tags(self.prefix),
                preview=self.preview,
                patience=_CHANGE_SET_PATIENCE,
            )
        except (StackFailed, ParameterError, TemplateTooLarge) as error:
            raise AirflowFailException(str(error)) from error
        if isinstance(step, NoChange):
            self.log.info("%s: nothing to change", name)
            return {"stack": name, "outcome": "unchanged", "changes": []}
        if isinstance(step, Busy):
            self.log.info("%s is %s: waiting for the end of that", name, step.status)
            trigger = self._trigger(step.stack_id, deadline, {"deadline": deadline})
            return self.deploy_again(context, event_or_defer(trigger, "deploy_again"))
        changes = [str(change) for change in step.changes]
        self.log.info("%s: %s\n  %s", name, step.operation, "\n  ".join(changes))
        if isinstance(step, Preview):
            return {"stack": name, "outcome": "previewed", "changes": changes}
        started = {**asdict(step), "changes": changes}
        trigger = self._trigger(step.stack_id, deadline, {"started": started})
        return self.finish(context, event_or_defer(trigger, "finish"))

    def _judge(self, started: Started) -> Outcome:
        try:
            raise_if_failed(self.hook.conn, started)
        except StackFailed as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("%s: %sd", started.stack_name, started.operation)
        changes = [str(change) for change in started.changes]
        outcome = f"{started.operation}d"
        return {"stack": started.stack_name, "outcome": outcome, "changes": changes}

    def _outputs(self) -> dict[str, str]:
        """The outputs of the stacks that come before this one."""
        earlier = [s for s in STACKS[: STACKS.index(self.stack)] if s in STACKS_WITH_OUTPUTS]
        try:
            return stack_outputs(self.hook.conn, self.prefix, earlier)
        except StackMissing as error:
            if self.preview:
                raise AirflowSkipException(
                    f"{stack_name(self.prefix, self.stack)} can't be previewed, since its "
                    f"parameters are outputs of stacks that aren't there yet: {error}"
                ) from error
            raise AirflowFailException(str(error)) from error

    def _trigger(self, stack_id: str, deadline: float, kept: dict[str, Any]) -> StackSettledTrigger:
        return StackSettledTrigger(
            stack_id=stack_id,
            deadline=deadline,
            aws_conn_id=self.aws_conn_id,
            kept=kept,
        )
