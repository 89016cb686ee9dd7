"""Freshness: whether a symbol goes on, stands still, or rests because its market is closed. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from orderbook.profiles import Profiles
from orderbook.sessions import open_seconds
from orderbook.store.readers.coverage import SymbolSpan

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a symbol's newest stored tick is. Only ``stale`` is worth waking somebody."""

    symbol: str
    last_time: datetime
    age_seconds: float
    open_age_seconds: float  # of it, within the trading sessions
    state: Literal["live", "stale", "closed"]


def freshness(spans: Iterable[SymbolSpan], profiles: Profiles, now: datetime) -> Iterator[Freshness]:
    """Yield each symbol's state: stale when it was silent for longer than its profile's patience of open time.

    A market that closed on a stale symbol is closed. A profile without patience is never stale.
    """
    for span in spans:
        profile = profiles.of(span.symbol)
        silent = open_seconds(profile.sessions, span.last_time, now)
        is_open = open_seconds(profile.sessions, now, now + _INSTANT) > 0
        patience = profile.stale_after_seconds
        is_stale = patience is not None and silent > patience
        age = (now - span.last_time).total_seconds()
        state: Literal["live", "stale", "closed"] = "closed" if not is_open else "stale" if is_stale else "live"
        yield Freshness(span.symbol, span.last_time, age, silent, state)
