"""Waits until nothing is under way in a CloudFormation stack."""

from __future__ import annotations

from typing import Any

from salesflow.stack_state import is_settled
from salesflow_airflow.triggers.polling import PollingTrigger


class StackSettledTrigger(PollingTrigger):
    """Sees the status in which a stack has come to rest.

    Args:
        stack_id: its ARN: by name, a deleted stack isn't found.
    """

    service = "cloudformation"

    def __init__(self, *, stack_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stack_id = stack_id
        self._status = "not looked at yet"

    def arguments(self) -> dict[str, Any]:
        """See `PollingTrigger`."""
        return {"stack_id": self.stack_id}

    async def look(self, client: Any, now: float) -> dict[str, Any] | None:
        """See `PollingTrigger`."""
        answer = await client.describe_stacks(StackName=self.stack_id)
        self._status = answer["Stacks"][0]["StackStatus"]
        return {"stack_status": self._status} if is_settled(self._status) else None

    def waiting_for(self) -> str:
        """See `PollingTrigger`."""
        return f"the stack {self.stack_id} to settle; it is {self._status}"
