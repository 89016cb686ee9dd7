"""Stored ticks, hot and cold: as they are, as of an instant, and as bars."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from orderbook.api.fitness import HEADERS, Fitness
from orderbook.api.formats import CONTENT, MEDIA_TYPES, Form, as_floats, encoded, plain_rows
from orderbook.api.parameters import End, Instant, MinCoverage, Start, Symbols
from orderbook.api.problems import Problem, answers
from orderbook.api.routes.quotes import PriceType
from orderbook.api.service import Service, service_of
from orderbook.api.stream import Streamed, from_thread
from orderbook.api.ticks import Asked, all_pages, fitness_of, key_in, one_page, pages
from orderbook.live.quotes import instant_text
from orderbook.store.readers.coverage import clock
from orderbook.store.readers.horizon import settled_before
from orderbook.store.rows.copy_out import STORED
from orderbook.store.rows.tick_pages import TickQuery

router = APIRouter(prefix="/v1", tags=["ticks"])

MOST_AS_OF = 200  # symbols: each costs a look a day, until its quote is found
AN_HOUR = timedelta(hours=1)


class FitnessStamp(BaseModel):
    """How complete the answer is."""

    complete_through: str | None = Field(description="what the log held then is stored, in quarantine, or told as lost")
    coverage: float | None = Field(description="0 to 1, of the least covered symbol asked for")
    gaps: int | None = Field(description="gaps in what was asked for that were not filled")
    sources: str = Field(description="hot, cold, both, or none")


class TickRow(BaseModel):
    """A stored tick."""

    symbol: str
    event_time: str
    received_time: str
    bid_price: str | float | None
    ask_price: str | float | None
    bid_volume: str | float | None
    ask_volume: str | float | None
    sequence_id: int
    landed_at: str
    generation_id: int
    kafka_partition: int
    kafka_offset: int


class TickPage(BaseModel):
    """Ticks by day (UTC), then symbol, then time."""

    ticks: list[TickRow]
    next_cursor: str | None = Field(description="give it as `cursor`, with the same parameters, for what follows")
    fitness: FitnessStamp


class AsOf(BaseModel):
    """The quote of each symbol that was in force at an instant."""

    at: str
    known_at: str | None = Field(description="only what had landed before this instant; null: all that has landed")
    repeatable: bool = Field(description="whether the same question always has this answer")
    quotes: list[TickRow]
    unknown: list[str] = Field(description="symbols without a quote then")
    fitness: FitnessStamp


def fitness_model(fitness: Fitness) -> FitnessStamp:
    """As it stands in an answer's body."""
    through = fitness.complete_through
    return FitnessStamp(
        complete_through=None if through is None else instant_text(through),
        coverage=fitness.coverage,
        gaps=fitness.gaps,
        sources=fitness.sources,
    )


Order = Annotated[
    Literal["asc", "desc"], Query(description="by day (UTC), then symbol, then time; or all of it reversed")
]
Limit = Annotated[int | None, Query(ge=1, le=10_000_000, description="default: 1,000 for json, all for the others")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before")]
FormQuery = Annotated[Form, Query(alias="format", description="arrow is an IPC stream; exact numbers are decimals")]


@router.get(
    "/ticks",
    responses=answers(409) | {200: {"model": TickPage, "content": CONTENT, "headers": HEADERS}},
    summary="Stored ticks, hot and cold",
)
def ticks(
    request: Request,
    *,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    limit: Limit = None,
    cursor: Cursor = None,
    order: Order = "asc",
    form: FormQuery = Form.JSON,
    price_type: PriceType = "string",
    min_coverage: MinCoverage = None,
) -> Response:
    """Default: the last hour. JSON comes in pages; all other forms in one stream, with bounded memory on both sides."""
    service = service_of(request)
    service.require_postgres()
    window = service.window(start, end, AN_HOUR)
    most = service.settings.api.most_rows // (100 if form is Form.JSON else 1)
    if limit is not None and limit > most:
        raise Problem(400, f"a limit of {limit:,}, the most is {most:,}", "use next_cursor, or another format")
    query = TickQuery(*window, symbols, descending=order == "desc")
    if cursor is not None and (start is None or end is None):
        raise Problem(400, "a cursor needs start and end", "give the same start and end for every page")
    after = None if cursor is None else key_in(cursor, query)
    asked = Asked(query, after, limit, price_type == "float", min_coverage)
    if form is Form.JSON:
        return _json(service, replace(asked, rows=limit or min(1_000, most)))
    with pages(service) as (snapshot, found):
        fitness = fitness_of(service, snapshot, found, asked)
    schema = as_floats(STORED.empty_table()).schema if asked.floats else STORED
    parts = encoded(form, all_pages(service, asked), schema)
    name = f"ticks.{form.value if form is not Form.ARROW else 'arrows'}"
    headers = fitness.headers() | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Streamed(from_thread(parts), MEDIA_TYPES[form], headers)


def _json(service: Service, asked: Asked) -> Response:
    assert asked.rows is not None
    table, cursor, fitness = one_page(service, asked, asked.rows)
    body = {
        "ticks": list(plain_rows(table)),
        "next_cursor": cursor,
        "fitness": fitness_model(fitness).model_dump(),
    }
    return Response(orjson.dumps(body), headers=fitness.headers(), media_type="application/json")


@router.get(
    "/quotes/as-of",
    responses=answers(409) | {200: {"model": AsOf, "headers": HEADERS}},
    summary="The quote in force at an instant, as it was known at another",
)
def as_of(
    request: Request,
    *,
    at: Annotated[Instant, Query(description="the newest tick whose event time is not after this")],
    symbols: Symbols = None,
    known_at: Annotated[Instant | None, Query(description="only what had landed before this instant")] = None,
    max_age_days: Annotated[int, Query(ge=1, le=400, description="older quotes are not looked for")] = 7,
    min_coverage: MinCoverage = None,
) -> Response:
    """With `known_at` the same question always has the same answer. So it must lie some twenty seconds back: landings
    that began before it and have not ended could still add to it, and until they cannot the answer is 409.
    """
    service = service_of(request)
    service.require_postgres()
    with pages(service) as (snapshot, found):
        if known_at is not None:
            _require_settled(known_at, settled_before(snapshot, _longest_lease(service)), clock(snapshot))
        wanted = sorted(service.hub.board.entries) if symbols is None else symbols
        if len(wanted) > MOST_AS_OF:
            raise Problem(400, f"{len(wanted)} symbols, the most is {MOST_AS_OF}", "name the symbols")
        query = TickQuery(
            at - timedelta(days=max_age_days),
            at + timedelta(microseconds=1),
            None,
            descending=True,
            landed_before=known_at,
        )
        asked = Asked(replace(query, symbols=wanted), None, len(wanted), floats=False, min_coverage=min_coverage)
        fitness = fitness_of(service, snapshot, found, asked)
        rows = [row for s in wanted for row in plain_rows(found.page(replace(query, symbols=[s]), None, 1))]
    body = AsOf(
        at=instant_text(at),
        known_at=None if known_at is None else instant_text(known_at),
        repeatable=known_at is not None,
        quotes=[TickRow(**row) for row in rows],
        unknown=sorted(set(symbols or ()) - {row["symbol"] for row in rows}),
        fitness=fitness_model(fitness),
    )
    return Response(orjson.dumps(body.model_dump()), headers=fitness.headers(), media_type="application/json")


def _longest_lease(service: Service) -> float:
    options = service.settings.ingest
    return max(options.lease_seconds, options.landing_seconds + 5)  # as the workers' AttemptPolicy has it


def _require_settled(known_at: datetime, settled: datetime, now: datetime) -> None:
    if known_at >= settled:
        wait = max(1, round((known_at - settled).total_seconds()) + 1)
        told = f"provisional: what lands now may still count as known at {instant_text(known_at)}"
        hint = f"ask for a known_at before {instant_text(settled)}" + ("" if known_at > now else ", or ask again later")
        raise Problem(409, told, hint, headers={"Retry-After": str(wait)}, settled_before=instant_text(settled))
