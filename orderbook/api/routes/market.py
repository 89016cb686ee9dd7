"""The market itself: power contracts, and the clocks of the venues."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from orderbook.api.parameters import End, Start, Symbols
from orderbook.api.problems import answers
from orderbook.api.service import service_of
from orderbook.live.quotes import instant_text
from orderbook.store.completeness.clocks import SkewRow, list_skews
from orderbook.store.contracts import ContractRow, list_contracts

router = APIRouter(prefix="/v1", tags=["market"])

HOUR_SECONDS = 3_600


class ContractState(BaseModel):
    """A power contract: one delivery period of one area."""

    symbol: str
    area: str
    kind: Literal["quarter", "hour"]
    delivery_start: str
    delivery_end: str
    listed_at: str
    gate_closure: str
    traded: bool = Field(description="now, by Postgres' clock")


class Contracts(BaseModel):
    """Contracts by begin of delivery."""

    contracts: list[ContractState]


class ClockState(BaseModel):
    """A feed's clocks: receive time less event time, the smallest of late, since delays only ever add to it."""

    feed: str
    usual_seconds: float = Field(description="what a step is judged by")
    newest_seconds: float
    measured_at: str
    stepped_at: str | None = Field(description="when a clock was last seen to be set")


class Clocks(BaseModel):
    """The feeds that sent something of late."""

    clocks: list[ClockState]


@router.get("/contracts", responses=answers(), summary="Power contracts: delivery and gate closure")
def contracts(
    request: Request,
    *,
    symbols: Symbols = None,
    area: Annotated[str | None, Query(pattern="^[A-Z]{2}$", description="delivery area: DE")] = None,
    kind: Annotated[Literal["quarter", "hour"] | None, Query(description="how long a delivery is")] = None,
    start: Start = None,
    end: End = None,
    only_open: Annotated[bool, Query(alias="open", description="only what is traded now")] = False,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Contracts:
    """`start` and `end` are of the begin of delivery. Empty where no areas are set, or none were added."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        found = list_contracts(
            snapshot, symbols=symbols, area=area, kind=kind, start=start, end=end, only_open=only_open, limit=limit
        )
    return Contracts(contracts=[_contract(row) for row in found])


@router.get("/clocks", responses=answers(), summary="How far the receiver's clock is from each venue's")
def clocks(
    request: Request,
    hours: Annotated[float, Query(gt=0, le=10_000, description="feeds that sent something within so many")] = 24,
) -> Clocks:
    """A constant difference is normal, also below zero: nothing is rejected for it. A jump: a clock was set."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        found = list_skews(snapshot, hours * HOUR_SECONDS)
    return Clocks(clocks=[_clock(row) for row in found])


def _contract(row: ContractRow) -> ContractState:
    names = ("delivery_start", "delivery_end", "listed_at", "gate_closure")
    return ContractState(**asdict(row) | {name: instant_text(getattr(row, name)) for name in names})


def _clock(row: SkewRow) -> ClockState:
    stepped = None if row.stepped_at is None else instant_text(row.stepped_at)
    return ClockState(**asdict(row) | {"measured_at": instant_text(row.measured_at), "stepped_at": stepped})
