"""What fails on its way waits, is redriven when the cause is mended, and is counted once."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from pipeline_runs import Pipeline
from salesflow.deliveries import ERROR_PREFIX
from salesflow.patience import Patience
from salesflow.reconciliation.reconcile import Plan, reconcile

GOOD = {
    "product_name": {"S": "Laptop"},
    "quantity": {"N": "2"},
    "price": {"N": "499.5"},
    "status": {"S": "placed"},
}
POISON = GOOD | {"price": {"S": "a lot"}}
QUIET = timedelta(seconds=2)
CRASH = "def handler(event, context):\n    raise MemoryError\n"


class Chain:
    """The pipeline, and what a test does to it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.outputs = pipeline.outputs
        self.client = pipeline.client

    def put(self, *orderids: str, item: dict[str, Any] = GOOD) -> None:
        table = self.outputs["OrdersTableName"]
        for orderid in orderids:
            item_of_order = {"orderid": {"S": orderid}, **item}
            self.client("dynamodb").put_item(TableName=table, Item=item_of_order)

    def wait(self, what: str, look: Callable[[], Any]) -> Any:
        return Patience(timeout=60, interval=0.2).wait(what, lambda: look() or None)

    def failures(self) -> int:
        return sum(body.count(b"\n") for body in self.pipeline.objects(ERROR_PREFIX).values())

    def letters(self) -> int:
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs["DeadLetterQueueUrl"], AttributeNames=["All"]
        )["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    def redrive(self, **params: Any) -> tuple[dict[str, int], dict[str, int]]:
        """Run the DAG; the counts before and after."""
        states = self.pipeline.run("redrive_orders", **params)
        assert set(states.values()) <= {"success", "skipped"}, states
        assert states["count_after"] == "success"
        before, after = (
            self.pipeline.result("redrive_orders", f"count_{when}") for when in ("before", "after")
        )
        return before, after

    def ingest(self) -> None:
        states = self.pipeline.run("ingest_orders")
        assert set(states.values()) <= {"success", "skipped"}, states
        assert states["record_merge"] == "success"

    def mismatches(self) -> int:
        return reconcile(self.client, self.outputs, Plan(quiet=QUIET)).mismatches

    def status(self, orderid: str) -> list[Any]:
        return self.pipeline.query(
            f"SELECT status, last_event_id FROM orders WHERE orderid = '{orderid}'"
        )

    def forget_letters(self) -> None:
        """Let the letters point to a shard that the stream no longer has."""
        sqs, url = self.client("sqs"), self.outputs["DeadLetterQueueUrl"]
        letters = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                letters.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        for letter in letters:
            letter["DDBStreamBatchInfo"]["shardId"] = "shardId-00000000000000000000-trimmed"
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(letter))

    def transform_with(self, **code: Any) -> None:
        self.client("lambda").update_function_code(
            FunctionName=self.outputs["TransformFunctionName"], **code
        )

    def pipe_with(self, partition_key: str) -> None:
        """Give the pipe another partition key, and let it give up at once what has none."""
        pipes, name = self.client("pipes"), self.outputs["PipeName"]
        pipe = pipes.describe_pipe(Name=name)
        parameters = pipe["TargetParameters"]
        parameters["KinesisStreamParameters"]["PartitionKey"] = partition_key
        source = pipe["SourceParameters"]["DynamoDBStreamParameters"]
        pipes.update_pipe(
            Name=name,
            RoleArn=pipe["RoleArn"],
            TargetParameters=parameters,
            SourceParameters={
                "DynamoDBStreamParameters": {
                    name: source[name]
                    for name in ("BatchSize", "DeadLetterConfig", "OnPartialBatchItemFailure")
                }
                | {"MaximumRetryAttempts": 0}
            },
        )
        self.wait("pipe", lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "RUNNING")


@pytest.fixture(scope="module")
def chain(pipeline: Pipeline) -> Iterator[Chain]:
    states = pipeline.run(
        "deploy_pipeline", buffer_interval_seconds=1, transform_buffer_interval_seconds=0
    )
    assert set(states.values()) == {"success"}
    chain = Chain(pipeline)
    chain.put("first")
    chain.ingest()
    with pytest.MonkeyPatch.context() as patch:
        # A redrive that compares waits as long as the tests' own comparisons do.
        patch.setattr("salesflow.redrive.Plan", partial(Plan, quiet=QUIET))
        yield chain


def test_nothing_failed_is_nothing_to_redrive(chain: Chain) -> None:
    before, after = chain.redrive()
    assert before == after == {"payloads": 0, "failures": 0, "waiting": 0, "dead_letters": 0}
    assert chain.pipeline.run("redrive_orders")["announce_redrive"] == "skipped"


def test_a_poison_record_fails_again_and_its_neighbours_arrive(chain: Chain) -> None:
    chain.put("poison", item=POISON)
    chain.put("neighbour")
    chain.wait("failure", chain.failures)
    before, after = chain.redrive()
    assert before == {"payloads": 1, "failures": 1, "waiting": 1, "dead_letters": 0}
    assert after == {"payloads": 1, "failures": 2, "waiting": 1, "dead_letters": 0}
    assert chain.pipeline.query("SELECT orderid, reason, times, waiting FROM quarantine") == [
        ("poison", "attribute price has type 'S', not N", "2", "true")
    ]
    assert chain.pipeline.query("SELECT source, failures, orderid FROM redrives") == [
        ("quarantine", "1", "poison")
    ]
    chain.ingest()
    assert chain.pipeline.query("SELECT orderid FROM orders ORDER BY orderid") == [
        ("first",),
        ("neighbour",),
    ]


def test_what_failed_while_the_transform_crashed_arrives_when_it_is_mended(chain: Chain) -> None:
    objects = chain.client("s3").list_objects_v2(
        Bucket=chain.outputs["ArtefactBucketName"], Prefix="lambdas/transform_orders/"
    )["Contents"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", CRASH)
    failed = chain.failures()
    chain.transform_with(ZipFile=package.getvalue())
    chain.put("a", "b", "c")
    chain.wait("failures", lambda: chain.failures() >= failed + 3)
    chain.transform_with(S3Bucket=chain.outputs["ArtefactBucketName"], S3Key=objects[0]["Key"])
    before, after = chain.redrive(reason="Lambda.FunctionError")
    assert before["waiting"] - after["waiting"] == 3
    assert after["failures"] == before["failures"]
    chain.ingest()
    assert chain.mismatches() == 0
    assert [chain.status(orderid)[0][0] for orderid in "abc"] == ["placed"] * 3


def test_redriving_twice_changes_nothing(chain: Chain) -> None:
    columns = "orderid, status, quantity, price, last_event_id, last_sequence_number, changed_at"
    statement = f"SELECT {columns} FROM orders ORDER BY orderid"
    orders = chain.pipeline.query(statement)
    chain.pipeline.query("DELETE FROM redrives")
    before, _ = chain.redrive()
    assert before["waiting"] == 4
    chain.ingest()
    assert chain.pipeline.query(statement) == orders


def test_what_the_pipe_gave_up_is_read_again_from_the_stream(chain: Chain) -> None:
    chain.pipe_with("$.dynamodb.NewImage.missing.S")
    chain.put("d", "e")
    chain.put("first", item=GOOD | {"status": {"S": "paid"}})
    chain.wait("letters", lambda: chain.letters() >= 3)
    chain.pipe_with("$.dynamodb.Keys.orderid.S")
    before, after = chain.redrive(orderid="nobody's")
    assert (before["dead_letters"], after["dead_letters"]) == (3, 0)
    chain.ingest()
    assert chain.mismatches() == 0
    assert chain.status("first")[0][0] == "paid"


def test_what_the_stream_has_forgotten_is_made_of_the_items(chain: Chain) -> None:
    chain.pipe_with("$.dynamodb.NewImage.missing.S")
    table = chain.outputs["OrdersTableName"]
    chain.put("f")
    chain.put("d", item=GOOD | {"status": {"S": "paid"}})
    chain.client("dynamodb").delete_item(TableName=table, Key={"orderid": {"S": "e"}})
    chain.wait("letters", lambda: chain.letters() >= 3)
    chain.pipe_with("$.dynamodb.Keys.orderid.S")
    chain.forget_letters()
    _, after = chain.redrive(orderid="nobody's")
    assert after["dead_letters"] == 0
    chain.ingest()
    assert chain.mismatches() == 0
    [(status, event_id)] = chain.status("d")
    assert status == "paid"
    assert event_id.startswith("redrive-d-")
    assert chain.pipeline.query(
        "SELECT orderid FROM redrives WHERE source = 'table' ORDER BY orderid"
    ) == [("d",), ("e",), ("f",)]
    assert chain.pipeline.query(
        "SELECT is_deleted, product_name FROM orders WHERE orderid = 'e'"
    ) == [("true", "Laptop")]


def test_a_true_change_wins_over_one_that_was_made_of_an_item(chain: Chain) -> None:
    chain.put("d", item=GOOD | {"status": {"S": "shipped"}})
    chain.put("e", item=GOOD | {"status": {"S": "returned"}})
    chain.ingest()
    assert chain.mismatches() == 0
    assert (chain.status("d")[0][0], chain.status("e")[0][0]) == ("shipped", "returned")


def test_a_comparison_can_be_asked_for_without_a_letter(chain: Chain) -> None:
    chain.pipeline.query("DELETE FROM orders WHERE orderid = 'a'")
    assert chain.mismatches() == 1
    chain.redrive(orderid="nobody's", compare=True)
    chain.ingest()
    assert chain.mismatches() == 0


def test_maintenance_after_all_this_changes_no_order(chain: Chain) -> None:
    pipeline = chain.pipeline
    for _ in range(5):
        pipeline.query("INSERT INTO redrives (run_id) VALUES ('small')")
    before = pipeline.query("SELECT * FROM orders ORDER BY orderid")
    results = len(pipeline.objects("athena-results/"))
    states = pipeline.run("maintain_lake", results_days=1)
    assert set(states.values()) == {"success"}
    compactions = {c["table"]: c for c in pipeline.result("maintain_lake", "compact_table")}
    assert {"orders", "merges", "redrives"} <= set(compactions)
    redrives = compactions["redrives"]
    assert redrives["files_after"] < redrives["files_before"]
    assert pipeline.query("SELECT count(*) FROM redrives") == [(str(redrives["rows"]),)]
    assert pipeline.query("SELECT * FROM orders ORDER BY orderid") == before
    assert len(pipeline.objects("athena-results/")) > results
