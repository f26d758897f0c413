"""Writes the pages of the days that were reported, and links to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink
from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowSkipException,
)
from airflow.sdk.execution_time.xcom import XCom

from salesflow.daily_page import (
    PROJECTION_TABLE,
    REPORTS,
    NothingStored,
    contents_of,
    read_report,
    read_reports,
    restatement,
    store_page,
)
from salesflow.queries import ask
from salesflow_airflow.deployment import connect
from salesflow_airflow.operators.reporting import changes_of

_LINK_KEY: Final = "page_url"


class PageLink(BaseOperatorLink):
    """Opens the page of the run's day: in S3's console, or from the local AWS."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The address that the task has left; empty before it has written a page."""
        return str(XCom.get_value(ti_key=ti_key, key=_LINK_KEY) or "")


class WritePageOperator(BaseOperator):
    """Writes one HTML page for each reported day, beside the reports; their S3 URIs.

    What is stored is shown, but for the reports of this run that have failed on that day: they are
    left out, and the page says so. A day of which nothing is stored has no page: the task fails at
    the end, and names it; in a run without reports it is skipped, and so is it without days.

    Args:
        days: YYYY-MM-DD, the run's own day first: the link leads to its page.
        reports: the names of those that this run was to make, of each day.
        results: what they returned: an entry for each day that is stored.
        watermark: ISO 8601 time until which all that was written is in silver.
        shop: whose sales these are.
        currency: ISO 4217 code of what amounts of money are in.
    """

    template_fields: Sequence[str] = (
        "days",
        "reports",
        "results",
        "watermark",
        "shop",
        "currency",
        "bucket",
        "database",
        "workgroup",
    )
    template_ext: Sequence[str] = (".sql",)
    operator_extra_links = (PageLink(),)

    def __init__(
        self,
        *,
        days: list[str],
        watermark: str | None,
        shop: str,
        bucket: str,
        database: str,
        workgroup: str,
        reports: list[str] | None = None,
        results: Any = (),
        currency: str = "USD",
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.days = days
        self.reports = reports or []
        self.results = results
        self.watermark = watermark
        self.shop = shop
        self.currency = currency
        self.bucket = bucket
        self.database = database
        self.workgroup = workgroup
        self.aws_conn_id = aws_conn_id
        self.day = ""

    def execute(self, context: Context) -> list[str]:
        """Write the pages, day by day."""
        if not self.days:
            raise AirflowSkipException("there are no days to write pages of: see find_days")
        if self.reports and not REPORTS & set(self.reports):
            raise AirflowSkipException(f"no page shows {', '.join(self.reports)}")
        results = [result for results in self.results for result in results]
        has_projection = self._has_projection()
        written, failed = [], []
        for day in self.days:
            self.day = day
            try:
                key = self._write(context, results, has_projection)
            except NothingStored as error:
                failed.append(str(error))
                continue
            written.append(f"s3://{self.bucket}/{key}")
            if self.day == self.days[0]:
                context["ti"].xcom_push(key=_LINK_KEY, value=self.address(key))
        if failed and not self.reports:
            raise AirflowSkipException("\n".join(failed))
        if failed:
            raise AirflowException("\n".join(failed))
        return written

    def _write(
        self, context: Context, results: Sequence[Mapping[str, Any]], has_projection: bool
    ) -> str:
        s3 = self._s3

        def query(name: str) -> bytes:
            answer = ask(
                self._athena,
                str(self.render_template(f"sql/page/{name}.sql", context)),
                database=self.database,
                workgroup=self.workgroup,
            )
            bucket, _, key = answer.output.removeprefix("s3://").partition("/")
            return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

        day = date.fromisoformat(self.day)
        # What the table says of earlier runs: this one's changes are being recorded meanwhile.
        is_due = datetime.now(UTC).date() == day + timedelta(days=1)
        changes = [restatement(change) for result in results for change in changes_of(result)]
        made = {each["name"] for each in results if each["day"] == self.day}
        failed = set(self.reports) - made
        stored = read_reports(s3, self.bucket, self.day, REPORTS - failed)
        page = contents_of(
            day,
            self.shop,
            stored,
            query,
            lambda name, day: read_report(s3, self.bucket, name, day),
            watermark=self.watermark,
            has_projection=has_projection,
            restated=[change for change in changes if is_due or change.day == day],
        )
        if page.failed:
            self.log.warning("%s is written without %s", self.day, ", ".join(page.failed))
        return store_page(s3, self.bucket, page, self.currency)

    @cached_property
    def _athena(self) -> Any:
        return connect("athena", self.aws_conn_id)

    @cached_property
    def _s3(self) -> Any:
        return connect("s3", self.aws_conn_id)

    def _has_projection(self) -> bool:
        glue = connect("glue", self.aws_conn_id)
        try:
            glue.get_table(DatabaseName=self.database, Name=PROJECTION_TABLE)
        except glue.exceptions.EntityNotFoundException:
            return False
        return True

    def address(self, key: str) -> str:
        """Where a browser finds the page: S3 gives objects to nobody, so on AWS the console."""
        meta = self._s3.meta
        if not (urlsplit(meta.endpoint_url).hostname or "").endswith(
            (".amazonaws.com", ".amazonaws.com.cn")
        ):
            return f"{meta.endpoint_url.rstrip('/')}/{self.bucket}/{quote(key)}"
        domain = BaseAwsLink.get_aws_domain(meta.partition)
        where = urlencode({"region": meta.region_name, "prefix": key})
        return f"https://console.{domain}/s3/object/{self.bucket}?{where}"
