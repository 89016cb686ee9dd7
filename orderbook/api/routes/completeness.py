"""What is missing: sequence events, and coverage per symbol and hour or day."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from orderbook.api.parameters import End, Start, Symbols
from orderbook.api.problems import Problem, answers
from orderbook.api.service import service_of
from orderbook.completeness.coverage import HourCoverage, by_symbol, hourly, whole_hours
from orderbook.live.quotes import instant_text
from orderbook.store import manifest
from orderbook.store.readers.coverage import clock, hour_counts, silences, symbol_spans
from orderbook.store.readers.sequence import EventRow, list_events
from orderbook.store.rows.selects import hot_days

router = APIRouter(prefix="/v1", tags=["completeness"])

MOST_HOURS = 100_000  # symbols times hours of one answer
DAY = timedelta(days=1)

Kind = Literal["gap", "repeat", "reorder", "reset", "stall"]
State = Literal["open", "late_filled", "confirmed"]
Place = Literal["hot", "archived", "missing"]


class SequenceEvent(BaseModel):
    """Something wrong with the sequence ids of a symbol, or a silence."""

    id: int
    symbol: str
    kind: Kind
    state: State
    cause: str | None = Field(description="lost or quarantined, where the log between its two ticks explains it")
    first_sequence: int
    last_sequence: int
    ids: int
    missing: str = Field(description="ids of a gap that did not come since, as 4-7 9")
    seconds: float = Field(description="of event time, between the ticks on both sides")
    event_time: str
    place: str = Field(description="generation/partition/offset of the tick after it")
    detected_at: str


class SequenceEvents(BaseModel):
    """Events, newest found first."""

    events: list[SequenceEvent]
    next_before: int | None = Field(description="give it as `before` for the older ones")


class CoverageRow(BaseModel):
    """One symbol in one hour or day. Coverage is null where the market was closed and nothing came."""

    symbol: str
    start: str
    ticks: int
    repeats: int
    missing: int = Field(description="ids that were passed over and did not come since")
    open_seconds: float
    stalled_seconds: float
    coverage: float | None
    place: Place = Field(description="where the day's rows lie: hot, archived, or missing")


class Coverage(BaseModel):
    """Completeness by symbol, then time."""

    rows: list[CoverageRow]


Many = Annotated[int, Query(ge=1, le=1_000)]


@router.get("/gaps", responses=answers(), summary="Gaps, repeats, reorders, resets and stalls")
def gaps(
    request: Request,
    *,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    kind: Annotated[list[Kind] | None, Query(description="given again and again; default: all")] = None,
    state: Annotated[list[State] | None, Query(description="given again and again; default: all")] = None,
    before: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="only events with a lower id")] = None,
    limit: Many = 100,
) -> SequenceEvents:
    """By the event time of the tick after the event. A gap is `open` until its ids came after all, or did not."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        found = list_events(
            snapshot,
            symbols=symbols,
            kinds=None if kind is None else list(kind),
            states=None if state is None else list(state),
            start=start,
            end=end,
            before=before,
            limit=limit,
        )
    events = [event_model(event) for event in found]
    return SequenceEvents(events=events, next_before=found[-1].id if len(found) == limit else None)


def event_model(event: EventRow) -> SequenceEvent:
    """As it is answered."""
    times = {"event_time": instant_text(event.event_time), "detected_at": instant_text(event.detected_at)}
    return SequenceEvent(**asdict(event) | times)


@router.get("/coverage", responses=answers(), summary="Completeness per symbol and hour or day")
def coverage(
    request: Request,
    *,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    per: Annotated[Literal["hour", "day"], Query(description="days and hours are UTC")] = "hour",
) -> Coverage:
    """The lower of two shares: ids that came, and open time of the market without a stall. Default: the last day."""
    service = service_of(request)
    service.require_postgres()
    since, until = service.window(start, end, DAY)
    window = whole_hours(_midnight(since) if per == "day" else since, until)
    with service.reader.snapshot() as snapshot:
        spans = symbol_spans(snapshot, *window, symbols)
        hours = (window[1] - window[0]) // timedelta(hours=1)
        if len(spans) * hours > MOST_HOURS:
            told = f"{len(spans)} symbols times {hours} hours are more than {MOST_HOURS:,}"
            raise Problem(400, told, "ask for fewer symbols or a shorter range")
        counts, stalls = hour_counts(snapshot, *window, symbols), silences(snapshot, *window, symbols)
        now = clock(snapshot)
        hot, cold = set(hot_days(snapshot)), {file.day for file in manifest.files(snapshot)}
    found = hourly(counts, stalls, spans, service.profiles, window=window, now=now)
    rows = list(found) if per == "hour" else _by_day(found)
    return Coverage(rows=[_row(row, hot, cold) for row in rows])


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _by_day(hours: Iterable[HourCoverage]) -> list[HourCoverage]:
    grouped: dict[tuple[str, datetime], list[HourCoverage]] = {}
    for hour in hours:
        grouped.setdefault((hour.symbol, _midnight(hour.hour)), []).append(hour)
    found = []
    for (_, day), parts in grouped.items():
        whole = asdict(by_symbol(parts)[0])
        found.append(HourCoverage(hour=day, **whole))
    return found


def _row(row: HourCoverage, hot: set[date], cold: set[date]) -> CoverageRow:
    day = row.hour.date()
    place: Place = "missing" if row.ticks == 0 else "archived" if day in cold else "hot" if day in hot else "missing"
    known = asdict(row)
    at: datetime = known.pop("hour")
    return CoverageRow(**known, start=instant_text(at), place=place)
