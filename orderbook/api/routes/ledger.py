"""The ledger: ranges, rejects with their bytes, and the proof."""

import threading
from base64 import b64encode
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from orderbook.api.problems import Problem, answers
from orderbook.api.service import Service, service_of
from orderbook.archive.recount import whole_snapshot
from orderbook.archive.root import Root
from orderbook.audit import audit as recount
from orderbook.live.quotes import instant_text
from orderbook.profiles import REASONS
from orderbook.store.database import engine_for
from orderbook.store.readers.ledger import list_ranges
from orderbook.store.readers.quarantine import list_rejects, show_reject

router = APIRouter(prefix="/v1", tags=["ledger"])

SHOWN_BYTES = 4 * 1024
MOST_FINDINGS = 1_000

_one_audit = threading.Lock()

Many = Annotated[int, Query(ge=1, le=1_000)]
Partition = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="only this one")]
Reason = Literal[REASONS]  # type: ignore[valid-type] # one closed list


class RangeState(BaseModel):
    """A range of the ledger."""

    id: int
    range: str = Field(description="topic/partition/first-last")
    state: str
    offsets: int
    n_ok: int | None
    n_bad: int | None
    n_gap: int | None
    deaths: int
    lease_until: str | None
    done_at: str | None


class Ranges(BaseModel):
    """Ranges, newest first."""

    ranges: list[RangeState]


class RejectState(BaseModel):
    """A reject without its bytes."""

    generation: int
    partition: int
    offset: int
    reason: str
    field: str | None
    detail: str
    bytes: int | None = Field(description="of its value; null: it had none")
    resolution: str
    at: str = Field(description="when it was quarantined")


class Rejects(BaseModel):
    """Rejects, newest landed first."""

    rejects: list[RejectState]


class WholeReject(RejectState):
    """A reject with its bytes in base64, the first 4 KiB of each."""

    sha256: str | None
    broker_time: str | None
    key: str | None
    key_bytes: int | None
    value: str | None


class AuditFinding(BaseModel):
    """One thing that is wrong, and where."""

    label: str
    problem: str


class AuditReport(BaseModel):
    """What was counted anew, never trusting the ledger's own counts."""

    balances: bool
    ok: int
    bad: int
    gaps: int
    lost: int
    open: int
    ranges: int
    partitions: int
    findings: list[AuditFinding]


@router.get("/ranges", responses=answers(), summary="The ledger's ranges (scope operate)")
def ranges(
    request: Request,
    state: Annotated[Literal["planned", "done", "lost"] | None, Query()] = None,
    partition: Partition = None,
    limit: Many = 100,
) -> Ranges:
    """Newest first."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        found = list_ranges(snapshot, state=state, partition=partition, limit=limit)
    return Ranges(ranges=[RangeState(**_with_instants(asdict(row))) for row in found])


@router.get("/quarantine", responses=answers(), summary="Rejects, without their bytes")
def quarantine(
    request: Request,
    reason: Annotated[Reason | None, Query(description="only these")] = None,
    partition: Partition = None,
    limit: Many = 100,
) -> Rejects:
    """Newest landed first."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        found = list_rejects(snapshot, reason=reason, partition=partition, limit=limit)
    rows = []
    for row in found:
        known = asdict(row)
        times = {"generation": known.pop("generation_id"), "at": instant_text(known.pop("landed_at"))}
        rows.append(RejectState(**known | times))
    return Rejects(rejects=rows)


@router.get(
    "/quarantine/{generation}/{partition}/{offset}",
    responses=answers(404),
    summary="One reject with its bytes (scope operate)",
)
def reject(
    request: Request,
    *,
    generation: Annotated[int, Path(ge=0, le=2**15 - 1)],
    partition: Annotated[int, Path(ge=0, le=2**31 - 1)],
    offset: Annotated[int, Path(ge=0, le=2**63 - 1)],
) -> WholeReject:
    """Key and value as they came, the first 4 KiB of each."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        found = show_reject(snapshot, generation, partition, offset)
    if found is None:
        raise Problem(404, f"{generation}/{partition}/{offset} is not in quarantine", "GET /v1/quarantine lists them")
    return _whole(found)


def _whole(found: dict[str, Any]) -> WholeReject:
    key, value, digest = found["key"], found["value"], found["sha256"]
    return WholeReject(
        generation=found["generation_id"],
        partition=found["kafka_partition"],
        offset=found["kafka_offset"],
        reason=found["reason"],
        field=found["field"],
        detail=found["detail"],
        bytes=None if value is None else len(value),
        resolution=found["resolution"],
        at=instant_text(found["landed_at"]),
        sha256=None if digest is None else digest.hex(),
        broker_time=None if found["broker_time"] is None else instant_text(found["broker_time"]),
        key=_base64(key),
        key_bytes=None if key is None else len(key),
        value=_base64(value),
    )


def _base64(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content[:SHOWN_BYTES]).decode()


def _with_instants(row: dict[str, Any]) -> dict[str, Any]:
    times = ("lease_until", "done_at")
    return row | {name: None if row[name] is None else instant_text(row[name]) for name in times}


@router.get("/audit", responses=answers(), summary="The proof: every offset accounted for (scope operate)")
def audit(request: Request) -> AuditReport:
    """Counts all rows anew, so it may take longer than a request may: then `orderbook audit` does it. One at a time."""
    service = service_of(request)
    service.require_postgres()
    if not _one_audit.acquire(blocking=False):
        raise Problem(503, "an audit is running", "try again when it has ended", headers={"Retry-After": "10"})
    try:
        return _audited(service)
    finally:
        _one_audit.release()


def _audited(service: Service) -> AuditReport:
    config = service.settings
    seconds = config.api.query_seconds
    engine = engine_for(config.database, "reader", name="orderbook-api-audit", transaction_seconds=seconds)
    try:
        with whole_snapshot(engine, Root(config.archive)) as store:
            report = recount(store, {}, lambda _: None)
    finally:
        engine.dispose()
    counts = asdict(report)
    findings = [AuditFinding(**finding) for finding in counts["findings"][:MOST_FINDINGS]]
    kept = {name: counts[name] for name in AuditReport.model_fields if name in counts and name != "findings"}
    return AuditReport(balances=report.balances, findings=findings, **kept)
