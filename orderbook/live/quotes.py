"""The newest quote of each symbol as it travels: what a landing announces, and how a quote is written as JSON."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from orderbook.store.reader import StoredTick
from orderbook.tick import from_microseconds, microseconds


class Quote(NamedTuple):
    """A symbol's quote, and where in the log it stands. ``body`` is its JSON object without the closing brace."""

    symbol: str
    event_time: int  # microseconds since 1970
    generation: int
    partition: int
    offset: int
    ticks: int  # of the symbol in the landing that brought it; 0: unknown
    body: str

    @property
    def order(self) -> tuple[int, int, int, int]:
        """What is newest has the highest: as stored rows are ordered within a symbol."""
        return self.event_time, self.generation, self.partition, self.offset


def newest_quotes(ticks: pa.Table, generation: int, partition: int) -> list[Quote]:
    """The newest tick of each symbol of a landing, by event time, then by offset.

    ``ticks`` has the columns of ``store.ledger.landing.TICKS`` in the order of their offsets.
    """
    if ticks.num_rows == 0:
        return []
    symbols = pc.dictionary_encode(ticks["symbol"].combine_chunks())
    codes = symbols.indices.to_numpy()
    by_time = np.argsort(ticks["event_time"].cast(pa.int64()).to_numpy(), kind="stable")
    newest = np.zeros(len(symbols.dictionary), np.int64)
    newest[codes[by_time]] = by_time  # of equal codes the last assignment stays
    counts = np.bincount(codes)
    rows = ticks.take(newest).to_pylist()
    return [
        quote(
            (row["symbol"], row["event_time"], row["received_time"]),
            (row["bid_price"], row["ask_price"], row["bid_volume"], row["ask_volume"]),
            row["sequence_id"],
            (generation, partition, row["kafka_offset"]),
            int(count),
        )
        for row, count in zip(rows, counts, strict=True)
    ]


def stored_quote(tick: StoredTick) -> Quote:
    """The quote of a stored row."""
    return quote(
        (tick.symbol, tick.event_time, tick.received_time),
        (tick.bid_price, tick.ask_price, tick.bid_volume, tick.ask_volume),
        tick.sequence_id,
        (tick.generation_id, tick.kafka_partition, tick.kafka_offset),
        0,
    )


def order_of(tick: StoredTick) -> tuple[int, int, int, int]:
    """As ``Quote.order``."""
    return microseconds(tick.event_time), tick.generation_id, tick.kafka_partition, tick.kafka_offset


def quote(
    what: tuple[str, datetime, datetime],
    sides: tuple[Decimal | None, ...],
    sequence: int,
    place: tuple[int, int, int],
    ticks: int,
) -> Quote:
    """A quote with its JSON written: prices and volumes as strings without the zeros that a column adds."""
    symbol, event_time, received_time = what
    bid_price, ask_price, bid_volume, ask_volume = (price_text(side) for side in sides)
    body = orjson.dumps(
        {
            "symbol": symbol,
            "event_time": instant_text(event_time),
            "received_time": instant_text(received_time),
            "bid_price": bid_price,
            "ask_price": ask_price,
            "bid_volume": bid_volume,
            "ask_volume": ask_volume,
            "sequence_id": sequence,
            "place": "/".join(map(str, place)),
        }
    )
    return Quote(symbol, microseconds(event_time), *place, ticks, body[:-1].decode())


def with_floats(body: str) -> str:
    """A quote's JSON with its prices and volumes as numbers, rounded to what a float holds."""
    found: dict[str, Any] = orjson.loads(body + "}")
    sides = ("bid_price", "ask_price", "bid_volume", "ask_volume")
    floats = {side: None if found[side] is None else float(found[side]) for side in sides}
    return orjson.dumps(found | floats)[:-1].decode()


def price_text(price: Decimal | None) -> str | None:
    """An exact number, digit by digit, without an exponent; None stays None."""
    return None if price is None else format(price.normalize(), "f")


def instant_text(at: datetime) -> str:
    """ISO-8601 with microseconds, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant_of(quote: Quote) -> datetime:
    """The quote's event time."""
    return from_microseconds(quote.event_time)


def encoded(quotes: Iterable[Quote], committed_at: float) -> bytes:
    """A landing's message; ``committed_at`` in seconds since 1970 by the worker's clock."""
    return orjson.dumps([committed_at, [tuple(quote) for quote in quotes]])


def decoded(message: bytes) -> tuple[float, Iterator[Quote]]:
    """The message's content. Raises ``ValueError`` for anything else than what ``encoded`` makes."""
    found: Any = orjson.loads(message)
    if not isinstance(found, list) or len(found) != 2 or not isinstance(found[1], list):
        raise ValueError("not a landing's message")
    try:
        return float(found[0]), iter([Quote(*fields) for fields in found[1]])
    except TypeError as error:
        raise ValueError("not a landing's message") from error
