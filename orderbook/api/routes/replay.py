"""The past again, in the envelope of the live stream."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from orderbook.api.fitness import HEADERS
from orderbook.api.formats import plain_rows
from orderbook.api.parameters import End, MinCoverage, Start, Symbols
from orderbook.api.problems import Problem, answers
from orderbook.api.reel import Place
from orderbook.api.replay import Replay, ReplayResponse, require_place
from orderbook.api.routes.quotes import LastEventId, LastId
from orderbook.api.service import Service, service_of
from orderbook.api.ticks import Asked, fitness_of, pages
from orderbook.live.quotes import instant_text
from orderbook.query.pages import TickPages
from orderbook.replay.player import FASTEST, SLOWEST
from orderbook.replay.source import Wish
from orderbook.store.rows.tick_pages import TickQuery
from orderbook.tick import FIELDS, from_microseconds, microseconds

router = APIRouter(prefix="/v1", tags=["quotes"])

AN_HOUR: Final = timedelta(hours=1)
IN_FORCE: Final = timedelta(days=1)  # an older quote is not looked for
MOST_IN_FORCE: Final = 50  # symbols: a look-up each

Speed = Annotated[
    Annotated[float, Field(ge=SLOWEST, le=FASTEST)] | Literal["max"],
    Query(description="times as fast as it was; `max`: as fast as the client takes it"),
]
By = Annotated[Literal["event", "received"], Query(description="the clock that orders and paces")]
Gaps = Annotated[bool, Query(description="whether gaps are told")]

EVENTS: Final = """Server-sent events as those of `/v1/live`, each with an `id`. Every quote and every gap carries the
`run`, which no live one does, so that the two never mix.

* `snapshot` first: what was asked, and `quotes`: those in force at `start` (of 50 symbols at most, in event order)
* `ticks`: every tick, each when it is due; the first one at once. `skipped` is always 0: who is slow falls behind
* `gap`: what is known of the sequence ids that were passed over, before the tick that showed it
* `heartbeat` each second: `at`, the instant up to which all was sent, and `behind_seconds`
* `end`: `ticks_sent`, `gaps_sent` and `sha256` of what this answer sent; `orderbook replay` prints the same
* `problem`: what broke it off

Nothing is kept between requests. To pause, close; to go on, ask the same with the last id: the run goes on behind it.
After the id of an `end` the answer is 204, at which an EventSource stops."""


@router.get(
    "/replay",
    responses=answers(409)
    | {
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "headers": HEADERS},
        204: {"description": "the run of the last id is over"},
    },
    response_class=Response,
    summary="The past again, at its own pace or another",
    description=EVENTS,
)
def replay(
    request: Request,
    *,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    speed: Speed = 1.0,
    by: By = "event",
    gaps: Gaps = True,
    last_event_id: LastEventId = None,
    last_id: LastId = None,
    min_coverage: MinCoverage = None,
) -> Response:
    service = service_of(request)
    service.require_postgres()
    require_place(service)
    since, until = service.window(start, end, AN_HOUR)
    last = last_event_id or last_id
    place = None if last is None else _place(last)
    if last is not None and place is None:
        return Response(status_code=204)
    asked = Asked(TickQuery(since, until, symbols), None, 1, floats=False, min_coverage=min_coverage)
    with pages(service) as (snapshot, found):
        fitness = fitness_of(service, snapshot, found, asked)
        quotes = _in_force(service, found, asked.query) if by == "event" and place is None else []
    if place is not None:
        since = _resumed(place, since, until)
    pace = None if speed == "max" else float(speed)
    played = Replay(service, Wish(since, until, symbols, by, gaps), pace, place)
    about = {"start": instant_text(since), "end": instant_text(until), "speed": pace, "by": by, "symbols": symbols}
    played.about = about | {"quotes": [quote | {"run": played.run} for quote in quotes], "gaps": []}
    return ReplayResponse(played, fitness.headers())


def _place(last: str) -> Place | None:
    try:
        return Place.read(last)
    except ValueError as error:
        raise Problem(400, f"the last id is {error}", "give the id of an event of this replay, or none") from None


def _resumed(place: Place, since: datetime, until: datetime) -> datetime:
    if place.sent == 0:  # nothing was sent yet
        return since
    if not microseconds(since) <= place.at < microseconds(until):
        raise Problem(400, "the last id is not one of this range", "ask with the same start and end as before")
    return from_microseconds(place.at)


def _in_force(service: Service, found: TickPages, query: TickQuery) -> list[dict[str, Any]]:
    """The newest quote of each symbol before the range; none where there are too many symbols to look."""
    symbols: Sequence[str] = sorted(service.hub.board.entries) if query.symbols is None else query.symbols
    if len(symbols) > MOST_IN_FORCE:
        return []
    before = replace(query, start=query.start - IN_FORCE, end=query.start, descending=True)
    tables = [found.page(replace(before, symbols=[symbol]), None, 1) for symbol in symbols]
    return [_quote(row) for table in tables for row in plain_rows(table)]


def _quote(row: dict[str, Any]) -> dict[str, Any]:
    place = "/".join(str(row[name]) for name in ("generation_id", "kafka_partition", "kafka_offset"))
    return {name: row[name] for name in FIELDS} | {"place": place, "ticks": 1}
