"""The pages of days, as `daily_sales_reports` has written them into the lake."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

from airflow.api_fastapi.core_api.security import requires_authenticated
from fastapi import APIRouter, Depends
from starlette.responses import Response

from salesflow.daily_page import read_page
from salesflow.pages.page import CONTENT_TYPE
from salesflow_airflow.questions.router import DeploymentDep
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
def read_day(day: date, where: DeploymentDep) -> Response:
    """The page of a day."""

    def reader(connect: Any, outputs: Any, _now: datetime) -> Any:
        return {"page": read_page(connect("s3"), outputs["LakeBucketName"], day)}

    page = where.read(reader, datetime.now(UTC))["page"]
    if page is None:
        raise NotAsked(404, f"there is no page of {day}: the DAG daily_sales_reports writes it")
    return Response(
        page,
        media_type=CONTENT_TYPE,
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
    )
