"""Figures of market quality: what came of what should have, and which symbols stand still in an open market."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from orderbook import metrics
from orderbook.clock import monotonic
from orderbook.completeness.coverage import HOUR, by_symbol, hourly
from orderbook.completeness.freshness import Freshness, freshness
from orderbook.exporter.source import Sample
from orderbook.metrics import MOST_SYMBOLS
from orderbook.profiles import load_profiles
from orderbook.store.reader import Snapshot
from orderbook.store.readers.coverage import SymbolSpan, clock, hour_counts, silences, symbol_spans
from orderbook.store.readers.exported import last_times

COVERAGE_SECONDS = 30.0  # it reads hours: asked less often than the rest
HELD = timedelta(days=7)  # long enough to be missed after a weekend
EXPIRED_SECONDS = 86_400.0  # of open time: who was silent for longer is not traded any more


class Quality:
    """Asks within the snapshot of others; remembers coverage between two askings."""

    def __init__(self, profiles_file: Path | None) -> None:
        self._profiles = load_profiles(profiles_file)
        self._coverage: list[Sample] = []
        self._covered_at = float("-inf")

    def look(self, connection: Snapshot, newest: Mapping[str, datetime]) -> list[Sample]:
        """Coverage and staleness by symbol, by Postgres' clock; ``newest``: event times known from elsewhere."""
        now = clock(connection)
        if monotonic() - self._covered_at >= COVERAGE_SECONDS:
            self._coverage = list(self._covered(connection, now))
            self._covered_at = monotonic()
        return [*self._coverage, *self._stale(connection, newest, now)]

    def _covered(self, connection: Snapshot, now: datetime) -> Iterator[Sample]:
        this_hour = now.replace(minute=0, second=0, microsecond=0)
        window = this_hour - HOUR, this_hour + HOUR
        spans = symbol_spans(connection, *window)
        if len(spans) > MOST_SYMBOLS:
            return
        counts, stalls = hour_counts(connection, *window), silences(connection, *window)
        for each in by_symbol(hourly(counts, stalls, spans, self._profiles, window=window, now=now)):
            if each.coverage is not None:
                yield metrics.COVERAGE, (each.symbol,), each.coverage

    def _stale(self, connection: Snapshot, newest: Mapping[str, datetime], now: datetime) -> Iterator[Sample]:
        known = last_times(connection, now - HELD)
        last = {symbol: max(at, newest.get(symbol, at)) for symbol, at in known.items()}
        spans = (SymbolSpan(symbol, at, at) for symbol, at in last.items())
        return stale_samples(freshness(spans, self._profiles, now))


def stale_samples(found: Iterable[Freshness]) -> Iterator[Sample]:
    """How many symbols stand still, of a market of any size; and which, of one that may be a label."""
    traded = [each for each in found if each.open_age_seconds <= EXPIRED_SECONDS]
    yield metrics.SYMBOLS_STALE, (), sum(each.state == "stale" for each in traded)
    if len(traded) <= MOST_SYMBOLS:
        for each in traded:
            yield metrics.SYMBOL_STALE, (each.symbol,), float(each.state == "stale")
