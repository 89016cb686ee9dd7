"""What the expectations found."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from orderbook.api.problems import answers
from orderbook.api.service import service_of
from orderbook.live.quotes import instant_text
from orderbook.store.expectation_runs import list_runs, results_of

router = APIRouter(prefix="/v1/expectations", tags=["completeness"])


class Run(BaseModel):
    """A run over a day or an hour."""

    id: int
    scope: str
    window_start: str
    window_end: str
    finished_at: str
    outcome: str = Field(description="passed, failed, empty, or error: it broke off and says nothing of the data")
    ticks: int
    detail: str
    passed: int
    failed: int


class Result(BaseModel):
    """One expectation."""

    name: str
    profile: str | None
    severity: str
    passed: bool | None = Field(description="null: it could not be judged")
    checked: int
    failed: int
    told: str


class Latest(BaseModel):
    """The newest run; null where there is none."""

    run: Run | None
    results: list[Result] = Field(description="of the newest run, in the order of the suite")
    runs: list[Run] = Field(description="newest first")


@router.get("/latest", responses=answers(), summary="The last run, and what fails in it")
def latest(request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 30) -> Latest:
    """With the runs before it, for the trend."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        runs = [Run(**_plain(asdict(run))) for run in list_runs(snapshot, limit=limit)]
        results = results_of(snapshot, runs[0].id) if runs else []
    return Latest(run=runs[0] if runs else None, results=[Result(**asdict(row)) for row in results], runs=runs)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: instant_text(value) if isinstance(value, datetime) else value for name, value in row.items()}
