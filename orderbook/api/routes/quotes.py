"""Symbols, their newest quotes, and the live stream of them."""

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field

from orderbook.api.fitness import HEADERS
from orderbook.api.live import LiveResponse, Stream
from orderbook.api.parameters import Symbols
from orderbook.api.problems import Problem, answers
from orderbook.api.service import service_of
from orderbook.api.states import Standing, quotes_of, standing
from orderbook.clock import utc_now
from orderbook.live.quotes import Quote, instant_of, instant_text, with_floats
from orderbook.store.readers.coverage import symbol_totals

router = APIRouter(prefix="/v1", tags=["quotes"])


class LatestQuote(BaseModel):
    """A symbol's newest stored tick. Prices and volumes are exact, as strings; null is an absent side."""

    symbol: str
    event_time: str
    received_time: str
    bid_price: str | float | None
    ask_price: str | float | None
    bid_volume: str | float | None
    ask_volume: str | float | None
    sequence_id: int
    place: str = Field(description="generation/partition/offset in the log")
    age_seconds: float = Field(description="since its event time, by this server's clock")
    state: str = Field(description="live, stale (silent for longer than its profile allows), or closed")


class LatestQuotes(BaseModel):
    """The newest quote of each symbol that was asked for and is known."""

    server_time: str
    quotes: list[LatestQuote]
    unknown: list[str] = Field(description="symbols that were asked for and have no tick")


class SymbolState(BaseModel):
    """A symbol, and how it stands."""

    symbol: str
    profile: str
    status: str = Field(description="live, stale (silent for longer than its profile allows), or closed")
    open: bool = Field(description="whether its market is open now")
    rate: float | None = Field(description="ticks a second over the last ten; null: not known yet")
    ticks: int = Field(description="stored so far")
    first_time: str = Field(description="the first hour that has a tick of it")
    last_time: str
    age_seconds: float
    stale_after_seconds: float | None = Field(description="silence that its profile allows while the market is open")


class SymbolStates(BaseModel):
    """Every symbol that has a tick."""

    server_time: str
    symbols: list[SymbolState]


LastEventId = Annotated[
    str | None, Header(max_length=64, description="of the event that was seen last, to go on there")
]
LastId = Annotated[str | None, Query(max_length=64, description="as Last-Event-ID, for clients that set no header")]
PriceType = Annotated[Literal["string", "float"], Query(description="string: exact; float: rounded to 53 bits")]

EVENTS = """Server-sent events, each with an `id`:

* `snapshot` first: `quotes` (the newest of each symbol), `gaps`, and what a heartbeat has
* `ticks`: `ticks` (the newest quote of each symbol that changed, at most 20 times a second) and `skipped`: how many
  quotes this client was too slow for. `ticks` of a quote: how many of its symbol landed with it, older ones
* `gap`: a sequence event of a symbol, when it is found, and again when it is settled
* `heartbeat` each second: `server_time`, `complete_through`, `rate`, `gaps_open`, and whether each service answers

A symbol never goes back. A client that returns with its last id gets what changed since then."""


@router.get("/symbols", responses=answers(), summary="Symbols, and how each stands")
def symbols(request: Request, response: Response) -> SymbolStates:
    """Every symbol that has a stored tick."""
    service = service_of(request)
    service.require_postgres()
    now = utc_now()
    with service.reader.snapshot() as snapshot:
        known = {row.symbol: row for row in symbol_totals(snapshot)}
    response.headers["Cache-Control"] = "no-store"
    found = []
    for quote in quotes_of(service, None):
        at, total = standing(quote, service.profiles, now), known.get(quote.symbol)
        found.append(
            SymbolState(
                symbol=quote.symbol,
                profile=at.profile.name,
                status=at.state,
                open=at.is_open,
                rate=service.hub.rate(quote.symbol),
                ticks=0 if total is None else total.ticks,
                first_time=instant_text(instant_of(quote) if total is None else total.first_hour),
                last_time=instant_text(instant_of(quote)),
                age_seconds=at.age_seconds,
                stale_after_seconds=at.profile.stale_after_seconds,
            )
        )
    return SymbolStates(server_time=instant_text(now), symbols=found)


@router.get(
    "/quotes/latest",
    responses=answers() | {200: {"model": LatestQuotes, "headers": HEADERS}},
    summary="The newest quote of each symbol",
)
async def latest(request: Request, symbols: Symbols = None, price_type: PriceType = "string") -> Response:
    """Answered from memory, which follows the landings and is held against Postgres each second."""
    service = service_of(request)
    service.require_postgres()
    now = utc_now()
    quotes = quotes_of(service, symbols)
    texts = ",".join(_latest(quote, standing(quote, service.profiles, now), price_type) for quote in quotes)
    unknown = orjson.dumps([s for s in symbols or () if s not in service.hub.board.entries]).decode()
    body = f'{{"server_time":"{instant_text(now)}","quotes":[{texts}],"unknown":{unknown}}}'
    headers = service.fitness_now().headers() | {"Cache-Control": "no-store"}
    return Response(body, headers=headers, media_type="application/json")


def _latest(quote: Quote, at: Standing, price_type: str) -> str:
    body = quote.body if price_type == "string" else with_floats(quote.body)
    return f'{body},"age_seconds":{at.age_seconds:.6f},"state":"{at.state}"}}'


@router.get(
    "/live",
    responses=answers() | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    response_class=Response,
    summary="What lands, as it lands",
    description=EVENTS,
)
async def live(
    request: Request, symbols: Symbols = None, last_event_id: LastEventId = None, last_id: LastId = None
) -> Response:
    service = service_of(request)
    if service.hub.clients >= service.settings.api.most_live:
        told = f"{service.hub.clients} live clients are connected already"
        raise Problem(503, told, "raise ORDERBOOK_API__MOST_LIVE, or poll", headers={"Retry-After": "10"})
    return LiveResponse(service.hub, Stream(service, symbols, last_event_id or last_id).events())
