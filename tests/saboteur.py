"""A function that counts live totals as it should, but crashes now and then, or says that it did.

What Lambda then does (trying again, splitting batches) is what the totals have to bear.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

# Each of the four ends is as likely as the others.
_HANDLER = """
import random
from honest import handler as honest

def handler(event, context):
    records, dice = event["Records"], random.Random(context.aws_request_id).random() / {share}
    if dice < 0.25:
        raise RuntimeError("before anything is counted")
    if dice < 0.5:
        honest({{"Records": records[: len(records) // 2]}}, context)
        raise RuntimeError("in the middle")
    answer = honest(event, context)
    if dice < 0.75:
        raise RuntimeError("after all is counted")
    if dice < 1:
        first = records[len(records) // 3]["kinesis"]["sequenceNumber"]
        return {{"batchItemFailures": [{{"itemIdentifier": first}}]}}
    return answer
"""


def sabotage(client: Any, function: str, package: Path, share: float) -> None:
    """Deploy the package of `aggregate_orders` with a handler around its own, of whose calls the
    share fails."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(package) as honest, zipfile.ZipFile(buffer, "w") as sabotaged:
        for name in honest.namelist():
            sabotaged.writestr("honest.py" if name == "handler.py" else name, honest.read(name))
        sabotaged.writestr("handler.py", _HANDLER.format(share=share))
    client.update_function_code(FunctionName=function, ZipFile=buffer.getvalue())
