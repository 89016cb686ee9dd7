"""Where the market opens: which sequence id and price each symbol goes on from, and whether it may open at all.

Every function blocks, for a bounded time.
"""

import logging
from collections.abc import Collection
from decimal import Decimal

from orderbook.errors import OrderbookError
from orderbook.simulator.market import Opening
from orderbook.stream.tail import LogTail
from orderbook.tick import MAX_SEQUENCE

log = logging.getLogger(__name__)

SHORTEST_WATCH = 0.5  # seconds; a simulator's requests come that close even where its ticks come closer
LONGEST_WATCH = 5.0


def watch_seconds(interval: float) -> float:
    """For how long a symbol must be quiet before a simulator of it may start."""
    return min(max(2 * interval, SHORTEST_WATCH), LONGEST_WATCH)


def openings(symbols: Collection[str], tail: LogTail) -> dict[str, Opening]:
    """Where each symbol goes on: after its newest tick in the log; where the log has none, after the newest stored."""
    found = {
        symbol: _after(symbol, newest.sequence_id, newest.tick.bid_price if newest.tick else None)
        for symbol, newest in tail.newest(symbols).items()
    }
    stored = stored_sequences(set(symbols) - set(found))
    return found | {symbol: _after(symbol, sequence_id) for symbol, sequence_id in stored.items()}


def _after(symbol: str, sequence_id: int, bid_price: Decimal | None = None) -> Opening:
    if sequence_id >= MAX_SEQUENCE:
        raise OrderbookError(f"{symbol} has used up its sequence ids: choose another symbol")
    return Opening(sequence_id + 1, bid_price)


def stored_sequences(symbols: Collection[str]) -> dict[str, int]:
    """The newest stored sequence id of each symbol that has one; none, with a warning, where the store is away."""
    if not symbols:
        return {}
    names = ", ".join(sorted(symbols))
    try:
        from orderbook.store.reader import newest_sequences  # noqa: PLC0415 - SQLAlchemy, only where the log is empty

        return dict(newest_sequences(symbols))
    except (OrderbookError, ImportError) as error:
        log.warning("No tick of %s in the log, and the store cannot be asked: ids begin at 1 (%s)", names, error)
        return {}
