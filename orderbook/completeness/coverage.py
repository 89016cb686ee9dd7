"""Coverage: how much of what should be there is there, per symbol and hour. Pure: rows and instants in, rows out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orderbook.profiles import Profile, Profiles
from orderbook.sessions import open_seconds
from orderbook.store.readers.coverage import HourCounts, Silence, SymbolSpan

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourCoverage:
    """One symbol in one hour.

    ``coverage`` is the lower of two shares: ids that came of those that should have, and open time without a stall.
    None where the market was closed and nothing came.
    """

    symbol: str
    hour: datetime
    ticks: int  # stored, repeats too
    repeats: int
    missing: int  # ids that were passed over and did not come since
    open_seconds: float  # of the trading session, up to now
    stalled_seconds: float
    coverage: float | None


@dataclass(frozen=True, slots=True)
class SymbolCoverage:
    """One symbol over a window; see ``HourCoverage``."""

    symbol: str
    ticks: int
    repeats: int
    missing: int
    open_seconds: float
    stalled_seconds: float
    coverage: float | None


def hourly(
    counts: Iterable[HourCounts],
    silences: Iterable[Silence],
    spans: Sequence[SymbolSpan],
    profiles: Profiles,
    *,
    window: tuple[datetime, datetime],
    now: datetime,
) -> Iterator[HourCoverage]:
    """Yield the hours of the window by symbol, from each symbol's first hour on, up to ``now``.

    The window begins and ends on the hour. ``spans`` say which symbols, and since when they are silent.
    """
    known = {(c.symbol, c.hour): c for c in counts}
    start, end = window
    stalls: dict[str, list[tuple[datetime, datetime]]] = {span.symbol: [] for span in spans}
    for silence in silences:
        stalls.setdefault(silence.symbol, []).append((silence.start, silence.end))
    for span in spans:
        profile = profiles.of(span.symbol)
        stalled = [*stalls[span.symbol], *_silent_since(span.last_time, now, profile)]
        hour = max(start, span.first_hour)
        while hour < min(end, now):
            found = known.get((span.symbol, hour)) or HourCounts(span.symbol, hour, 0, 0, 0)
            yield _hour(found, stalled, profile, min(hour + HOUR, now))
            hour += HOUR


def _silent_since(last: datetime, now: datetime, profile: Profile) -> list[tuple[datetime, datetime]]:
    patience = profile.stale_after_seconds
    silent = patience is not None and open_seconds(profile.sessions, last, now) > patience
    return [(last, now)] if silent else []


def _hour(
    found: HourCounts, stalled: Iterable[tuple[datetime, datetime]], profile: Profile, until: datetime
) -> HourCoverage:
    open_for = open_seconds(profile.sessions, found.hour, until)
    silent = sum(open_seconds(profile.sessions, max(a, found.hour), min(b, until)) for a, b in stalled)
    return HourCoverage(
        symbol=found.symbol,
        hour=found.hour,
        ticks=found.ticks,
        repeats=found.repeats,
        missing=found.missing,
        open_seconds=open_for,
        stalled_seconds=min(silent, open_for),
        coverage=share(found.ticks - found.repeats, found.missing, open_for, min(silent, open_for)),
    )


def share(came: int, missing: int, open_for: float, stalled: float) -> float | None:
    """The lower of both shares; None where there was nothing to be had."""
    shares = [came / (came + missing)] if came + missing > 0 else []
    if open_for > 0:
        shares.append(1 - stalled / open_for)
    return min(shares, default=None)


def by_symbol(hours: Iterable[HourCoverage]) -> list[SymbolCoverage]:
    """The hours of each symbol together, in the order in which the symbols come."""
    grouped: dict[str, list[HourCoverage]] = {}
    for hour in hours:
        grouped.setdefault(hour.symbol, []).append(hour)
    return [_together(symbol, found) for symbol, found in grouped.items()]


def _together(symbol: str, hours: Sequence[HourCoverage]) -> SymbolCoverage:
    ticks, repeats, missing = (
        sum(h.ticks for h in hours),
        sum(h.repeats for h in hours),
        sum(h.missing for h in hours),
    )
    open_for, stalled = sum(h.open_seconds for h in hours), sum(h.stalled_seconds for h in hours)
    return SymbolCoverage(
        symbol, ticks, repeats, missing, open_for, stalled, share(ticks - repeats, missing, open_for, stalled)
    )


def together(
    counts: Iterable[HourCounts],
    silences: Iterable[Silence],
    spans: Iterable[SymbolSpan],
    profiles: Profiles,
    *,
    window: tuple[datetime, datetime],
    now: datetime,
) -> Iterator[SymbolCoverage]:
    """Yield each symbol's coverage of the whole window: one row a symbol, however long it is.

    ``counts`` are those of ``window_counts``; the rest is as for ``hourly``.
    """
    known = {count.symbol: count for count in counts}
    stalls: dict[str, list[tuple[datetime, datetime]]] = {}
    for silence in silences:
        stalls.setdefault(silence.symbol, []).append((silence.start, silence.end))
    for span in spans:
        profile = profiles.of(span.symbol)
        since = max(window[0], span.first_hour)
        found = replace(known.get(span.symbol) or HourCounts(span.symbol, since, 0, 0, 0), hour=since)
        stalled = [*stalls.get(span.symbol, ()), *_silent_since(span.last_time, now, profile)]
        yield from by_symbol([_hour(found, stalled, profile, max(since, min(window[1], now)))])


def whole_hours(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The window widened to whole hours."""
    last = end.replace(minute=0, second=0, microsecond=0)
    return start.replace(minute=0, second=0, microsecond=0), last if last == end else last + HOUR
