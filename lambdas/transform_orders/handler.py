"""The transformation of the delivery stream: changes of orders in, rows of the changelog out.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

from typing import Any

from salesflow.transform import transform_batch


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer a batch of Firehose; see `salesflow.transform.transform_batch`."""
    return transform_batch(event)
