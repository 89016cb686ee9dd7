"""Bars, and SQL of a user's own: both by the query layer, in a sandbox."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import Annotated, Any, Literal

import orjson
import pyarrow as pa
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from orderbook.api.fitness import HEADERS, stamp
from orderbook.api.formats import CONTENT, MEDIA_TYPES, Form, encoded, plain, plain_rows
from orderbook.api.parameters import End, MinCoverage, Start
from orderbook.api.problems import Problem, answers
from orderbook.api.routes.ticks import FitnessStamp, FormQuery, fitness_model
from orderbook.api.service import Service, service_of
from orderbook.api.stream import Streamed, from_thread
from orderbook.archive.root import Root
from orderbook.clock import monotonic
from orderbook.errors import Busy
from orderbook.query.pages import TickPages
from orderbook.query.session import Answer, Session, Window
from orderbook.store.rows.tick_pages import TickQuery
from orderbook.tick import is_symbol

router = APIRouter(prefix="/v1", tags=["queries"])

AT_ONCE = 2  # sessions: each may use the memory that ORDERBOOK_QUERY__MEMORY_MB says
WAIT_SECONDS = 5.0
MOST_BARS = 10_000
MOST_ROWS = 100_000  # of a JSON answer

_slots = threading.BoundedSemaphore(AT_ONCE)

INTERVALS = {
    f"{number}{unit}": timedelta(**{name: number})
    for unit, name, numbers in (("s", "seconds", (1, 5, 10, 15)), ("m", "minutes", (1, 5, 15)), ("h", "hours", (1,)))
    for number in numbers
} | {"1d": timedelta(days=1)}
Interval = Literal["1s", "5s", "10s", "15s", "1m", "5m", "15m", "1h", "1d"]


class Bar(BaseModel):
    """Open, high, low and close of the mid, exact; the mean spread; how many ticks with two sides."""

    time: str = Field(description="when it begins")
    open: str | None
    high: str | None
    low: str | None
    close: str | None
    spread: float | None
    count: int


class Bars(BaseModel):
    """Bars of one symbol, oldest first; none where nothing came."""

    symbol: str
    interval: Interval
    bars: list[Bar]
    fitness: FitnessStamp


class Asked(BaseModel):
    """A query."""

    sql: str = Field(min_length=1, max_length=20_000, description="one statement in DuckDB's SQL that only reads")
    limit: int = Field(1_000, ge=1, le=MOST_ROWS, description="rows of a JSON answer")


class ColumnName(BaseModel):
    """A column of the answer."""

    name: str
    type: str


class Answered(BaseModel):
    """The rows of a query. Exact numbers, instants and whole numbers beyond 53 bits are strings."""

    columns: list[ColumnName]
    rows: list[list[Any]]
    truncated: bool = Field(description="whether there were more than `limit`")
    seconds: float


@contextmanager
def session(service: Service, window: Window) -> Iterator[Session]:
    """A sandbox over one snapshot; few at a time. Raises ``Busy``."""
    if not _slots.acquire(timeout=WAIT_SECONDS):
        raise Busy(f"{AT_ONCE} queries are running")
    try:
        with Session(service.settings, window, seconds=service.settings.api.query_seconds) as opened:
            yield opened
    finally:
        _slots.release()


@router.get(
    "/bars",
    responses=answers(409) | {200: {"model": Bars, "headers": HEADERS}},
    summary="Open, high, low and close of the mid",
)
def bars(
    request: Request,
    *,
    symbol: Annotated[str, Query(min_length=1, max_length=64)],
    interval: Interval = "1m",
    start: Start = None,
    end: End = None,
    min_coverage: MinCoverage = None,
) -> Response:
    """Default: the last hour. Bars begin at whole multiples of the interval (UTC)."""
    service = service_of(request)
    service.require_postgres()
    if not is_symbol(symbol):
        raise Problem(400, "that is no symbol", "1 to 64 printable ASCII characters without outer spaces")
    since, until = service.window(start, end, timedelta(hours=1))
    width = INTERVALS[interval]
    if (until - since) / width > MOST_BARS:
        raise Problem(400, f"more than {MOST_BARS:,} bars", "ask for a longer interval or a shorter range")
    with service.reader.snapshot(holds_days=True) as snapshot:
        found = TickPages(snapshot, Root(service.settings.archive))
        fitness = stamp(
            snapshot,
            service.profiles,
            (since, until),
            [symbol],
            max_offsets=service.settings.drain.max_offsets,
            sources=",".join(found.sources(TickQuery(since, until))) or "none",
            min_coverage=min_coverage,
        )
    with session(service, Window(since, until, [symbol])) as opened:
        rows = opened.ask(BARS_OF.format(seconds=int(width.total_seconds()))).table()
    body = Bars(
        symbol=symbol, interval=interval, bars=[Bar(**row) for row in plain_rows(rows)], fitness=fitness_model(fitness)
    )
    return Response(orjson.dumps(body.model_dump()), headers=fitness.headers(), media_type="application/json")


BARS_OF = """
    SELECT start AS time, open, high, low, close, CAST(mean_spread AS DOUBLE) AS spread, ticks AS count
    FROM bars_of(to_seconds({seconds})) ORDER BY start
"""


@router.post(
    "/query",
    responses=answers(409) | {200: {"model": Answered, "content": CONTENT}},
    summary="SQL over hot and cold (scope operate)",
)
def query(
    request: Request,
    *,
    asked: Asked,
    start: Start = None,
    end: End = None,
    symbols: Annotated[list[str] | None, Query(max_length=1_000)] = None,
    form: FormQuery = Form.JSON,
) -> Response:
    """`ticks` has every stored tick once; `start`, `end` and `symbols` bound which are looked at.

    It cannot write, read files, reach the network or change a setting: DuckDB in memory, locked, over a read-only
    snapshot in the reader's role; one statement that selects; bounded in time, memory and number.
    """
    service = service_of(request)
    service.require_postgres()
    window = Window(start, end, symbols)
    if form is Form.JSON:
        return _json(service, window, asked)
    parts = _parts(service, window, asked.sql, form)
    first = next(parts, b"")  # what is wrong with the query is told before anything is sent
    name = f"answer.{form.value}"
    return Streamed(
        from_thread(_both(first, parts)),
        MEDIA_TYPES[form],
        {"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _json(service: Service, window: Window, asked: Asked) -> Response:
    began = monotonic()
    with session(service, window) as opened:
        answer = opened.ask(asked.sql)
        rows = list(islice(_rows(answer), asked.limit + 1))
    columns = [
        {"name": name, "type": str(field.type)} for name, field in zip(answer.columns, answer.schema, strict=True)
    ]
    body = {
        "columns": columns,
        "rows": rows[: asked.limit],
        "truncated": len(rows) > asked.limit,
        "seconds": round(monotonic() - began, 3),
    }
    return Response(orjson.dumps(body), headers={"Cache-Control": "no-store"}, media_type="application/json")


def _rows(answer: Answer) -> Iterator[list[Any]]:
    for batch in answer.batches:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield [plain(value) for value in row]


def _parts(service: Service, window: Window, sql: str, form: Form) -> Iterator[bytes]:
    with session(service, window) as opened:
        answer = opened.ask(sql)
        schema = pa.schema([f.with_name(name) for name, f in zip(answer.columns, answer.schema, strict=True)])
        tables = (pa.Table.from_batches([batch]).rename_columns(schema.names) for batch in answer.batches)
        yield from encoded(form, tables, schema)


def _both(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
