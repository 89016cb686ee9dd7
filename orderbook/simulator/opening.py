"""Where the market opens: which sequence id and price each symbol goes on from, and whether it may open at all.

Every function blocks, for a bounded time.
"""

import logging
from collections.abc import Collection

from orderbook.errors import OrderbookError
from orderbook.simulator.market import Opening
from orderbook.stream.tail import ChainEnd, LogTail
from orderbook.tick import MAX_SEQUENCE

log = logging.getLogger(__name__)

SHORTEST_WATCH = 0.5  # seconds; a simulator's requests come that close even where its ticks come closer
LONGEST_WATCH = 5.0


def watch_seconds(interval: float) -> float:
    """For how long a symbol must be quiet before a simulator of it may start."""
    return min(max(2 * interval, SHORTEST_WATCH), LONGEST_WATCH)


def openings(symbols: Collection[str], tail: LogTail) -> dict[str, Opening]:
    """Where each symbol goes on: after its newest tick in the log; where the log has none, after the newest stored."""
    ends = tail.chain_ends(symbols)
    stored = stored_sequences([s for s in symbols if s not in ends or ends[s].sequence_id is None])
    return {symbol: _after(symbol, ends.get(symbol, ChainEnd()), stored.get(symbol, 0)) for symbol in symbols}


def arrived(symbols: Collection[str], tail: LogTail) -> dict[str, int]:
    """The next sequence id of each symbol that the log has a tick of, after some that we sent may not have arrived."""
    ends = tail.chain_ends(symbols)
    return {symbol: end.last(before=0) + 1 for symbol, end in ends.items() if end.sequence_id is not None}


def _after(symbol: str, end: ChainEnd, stored: int) -> Opening:
    sequence_id = end.last(before=stored) + 1
    if sequence_id > MAX_SEQUENCE:
        raise OrderbookError(f"{symbol} has used up its sequence ids: choose another symbol")
    return Opening(sequence_id, end.tick.bid_price if end.tick else None)


def stored_sequences(symbols: Collection[str]) -> dict[str, int]:
    """The newest stored sequence id of each symbol that has one; none, with a warning, where the store is away."""
    if not symbols:
        return {}
    from orderbook.store.reader import newest_sequences  # noqa: PLC0415 - SQLAlchemy, only where the log is empty

    try:
        return newest_sequences(symbols)
    except OrderbookError as error:
        names = ", ".join(sorted(symbols))
        log.warning("No tick of %s in the log, and the store cannot be asked: ids begin at 1 (%s)", names, error)
        return {}
