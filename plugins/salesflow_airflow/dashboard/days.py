"""The pages of days, as `daily_sales_reports` has written them into the lake."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from airflow.api_fastapi.core_api.security import requires_authenticated
from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from salesflow.daily_page import read_page
from salesflow.pages.page import CONTENT_TYPE
from salesflow_airflow.dashboard.deployments import QUICK, Stage, opened
from salesflow_airflow.defaults import default_stage
from salesflow_airflow.questions.told import NotAsked, ToldRoute

# A page has its scripts in itself, and comes from a bucket that others may write to: in a sandbox
# it reaches neither Airflow nor the login of who looks.
_POLICY: Final = "; ".join(
    (
        "sandbox allow-scripts",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)

router = APIRouter(
    prefix="/days", route_class=ToldRoute, dependencies=[Depends(requires_authenticated())]
)


@router.get("/{day}")
def read_day(
    day: Annotated[str, Path(max_length=40)],
    stage: Stage = None,
) -> Response:
    """The page of a day."""
    asked = _day(day)

    def reader(connect: Any, outputs: Any, _now: datetime) -> Any:
        return {"page": read_page(connect("s3"), outputs["LakeBucketName"], asked)}

    page = opened(stage or default_stage(), QUICK).read(reader, datetime.now(UTC))["page"]
    if page is None:
        raise NotAsked(404, f"there is no page of {asked}: the DAG daily_sales_reports writes it")
    return Response(
        page,
        media_type=CONTENT_TYPE,
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
    )


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise NotAsked(400, "a day is asked for as YYYY-MM-DD") from None
