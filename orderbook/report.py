"""The morning check: what a day holds, and whether it is complete. Reading and judging; showing it is the command's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from orderbook.completeness.coverage import HourCoverage, SymbolCoverage, by_symbol, hourly
from orderbook.profiles import Profiles
from orderbook.store.reader import Reader
from orderbook.store.readers.coverage import clock, hour_counts, silences, symbol_spans
from orderbook.store.readers.day import Backlog, DayAlarms, DayRejects, backlog, day_alarms, day_rejects
from orderbook.store.readers.sequence import EventCount, EventRow, count_events, list_events

MOST_GAPS = 50  # listed; all are counted


@dataclass(frozen=True, slots=True)
class DayReport:
    """One day, from ``start`` to ``end``, as it stood at ``made_at``."""

    day: date
    time_zone: str
    start: datetime
    end: datetime
    made_at: datetime
    least_coverage: float
    symbols: list[SymbolCoverage]
    hours: list[HourCoverage]
    events: list[EventCount]
    gaps: list[EventRow]  # with ids missing, newest first
    rejects: list[DayRejects]
    alarms: list[DayAlarms]
    backlog: Backlog

    @property
    def findings(self) -> list[str]:
        """What keeps the day from being complete, most important first."""
        return list(_findings(self))

    @property
    def complete(self) -> bool:
        """Whether all that should be there is there."""
        return not self.findings

    def sections(self) -> list[tuple[str, list[Any]]]:
        """Its tables, with their titles."""
        return [
            ("Coverage by symbol", self.symbols),
            ("Sequence events", self.events),
            ("Gaps with ids missing", self.gaps),
            ("Rejects", self.rejects),
            ("Alarms", self.alarms),
        ]


def read_day(
    reader: Reader, profiles: Profiles, day: date, bounds: tuple[datetime, datetime], *, zone: str, least: float
) -> DayReport:
    """Read a day in one snapshot. A zone whose days do not begin on the hour is widened to whole hours of coverage."""
    start, end = bounds
    window = start.replace(minute=0), (end + timedelta(minutes=59)).replace(minute=0)
    with reader.snapshot() as connection:
        now = clock(connection)
        spans = symbol_spans(connection, *window)
        counts, stalls = hour_counts(connection, *window), silences(connection, *window)
        hours = list(hourly(counts, stalls, spans, profiles, window=window, now=now))
        return DayReport(
            day=day,
            time_zone=zone,
            start=start,
            end=end,
            made_at=now,
            least_coverage=least,
            symbols=by_symbol(hours),
            hours=hours,
            events=count_events(connection, start=start, end=end),
            gaps=list_events(
                connection, kinds=["gap"], states=["open", "confirmed"], start=start, end=end, limit=MOST_GAPS
            ),
            rejects=day_rejects(connection, start, end),
            alarms=day_alarms(connection, start, end),
            backlog=backlog(connection),
        )


def _findings(report: DayReport) -> Iterator[str]:
    if report.end > report.made_at:
        yield "the day is not over"
    if not any(symbol.ticks for symbol in report.symbols):
        yield "no tick is stored"
    yield from map(_told, (alarm for alarm in report.alarms if alarm.open or alarm.kind == "lost"))
    if missing := sum(count.missing for count in report.events):
        yield f"{missing:,} sequence ids are missing"
    for symbol in report.symbols:
        if symbol.coverage is not None and symbol.coverage < report.least_coverage:
            yield f"{symbol.symbol} is covered to {symbol.coverage:.4%} only"
    if rejects := sum(reject.open for reject in report.rejects):
        yield f"{rejects:,} rejects are open in quarantine"
    yield from _unsettled(report)


def _told(alarm: DayAlarms) -> str:
    if alarm.kind == "lost":
        return f"{alarm.offsets:,} offsets were lost before they could be read"
    return f"{alarm.open} alarms of kind {alarm.kind} are open"


def _unsettled(report: DayReport) -> Iterator[str]:
    left = report.backlog
    if left.halted:
        yield f"{left.halted} partitions are halted"
    if report.end <= report.made_at and left.not_landed + left.not_stitched:
        yield f"{left.not_landed:,} offsets are not landed, {left.not_stitched:,} not stitched: some may be of this day"
