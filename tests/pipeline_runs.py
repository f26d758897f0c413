"""A deployment as a test sees it: its DAGs, run in this process, and the AWS that they work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from unittest.mock import patch

import boto3

from airflow_home import DAGS
from salesflow.deployment import stack_outputs
from salesflow.queries import Row, ask

STAGE = "dev"


@dataclass
class Pipeline:
    """The DAGs, run in this process, and the AWS that they work on."""

    endpoint_url: str
    runs: dict[str, Any] = field(default_factory=dict)
    read: ClassVar[bool] = False

    def client(self, service: str) -> Any:
        """A client of the local AWS."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def run(self, dag_id: str, **params: Any) -> dict[str, str]:
        """Run a DAG with params: task → state (of a mapped task: the last instance's)."""
        # Read anew each time, as every task of Airflow does: a run leaves its params in the DAG.
        from airflow.dag_processing.dagbag import BundleDagBag

        bag = BundleDagBag(
            dag_folder=str(DAGS / f"{dag_id}.py"), bundle_path=DAGS, bundle_name="dags-folder"
        )
        with self._dags_read_once():
            self.runs[dag_id] = dag_run = bag.dags[dag_id].test(run_conf=params)
        return {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}

    @classmethod
    @contextmanager
    def _dags_read_once(cls) -> Iterator[None]:
        """Only the first run reads and stores all DAGs, as the DAG processor does.

        `dag.test()` would before each run, to find them as they are stored already.
        """
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        if not cls.read:
            yield
            cls.read = True
            return
        with patch.object(DagBundlesManager, "get_all_dag_bundles", return_value=[]):
            yield

    def result(self, dag_id: str, task_id: str) -> Any:
        """What a task of the last run of a DAG returned; a list of a mapped one."""
        instances = self.runs[dag_id].get_task_instances()
        ti = next(ti for ti in instances if ti.task_id == task_id)
        mapped = ti.map_index >= 0
        result = ti.xcom_pull(task_ids=task_id, map_indexes=None if mapped else -1)
        return list(result) if mapped else result

    @property
    def outputs(self) -> dict[str, str]:
        """The names of what is deployed."""
        return stack_outputs(self.client("cloudformation"), f"salesflow-{STAGE}")

    def query(self, sql: str) -> list[Row]:
        """The rows of an Athena query."""
        outputs = self.outputs
        answer = ask(
            self.client("athena"),
            sql,
            database=outputs["DatabaseName"],
            workgroup=outputs["WorkGroupName"],
        )
        return list(answer.rows)

    def objects(self, prefix: str) -> dict[str, bytes]:
        """The objects of the lake under a prefix: key → content."""
        s3, bucket = self.client("s3"), self.outputs["LakeBucketName"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
