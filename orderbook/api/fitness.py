"""The fitness stamp: how complete what is answered is."""

from dataclasses import dataclass
from datetime import datetime

from orderbook.api.problems import Problem
from orderbook.completeness.coverage import SymbolCoverage, together, whole_hours
from orderbook.live.quotes import instant_text
from orderbook.profiles import Profiles
from orderbook.store.reader import Snapshot
from orderbook.store.readers.coverage import clock, silences, symbol_spans, window_counts
from orderbook.store.readers.horizon import complete_through
from orderbook.store.readers.sequence import count_gaps


@dataclass(frozen=True, slots=True)
class Fitness:
    """How complete an answer is. ``coverage`` is that of its least covered symbol; None: nothing was to be had.

    ``complete_through``: every record that the log held at that instant is stored, in quarantine, or told as lost.
    """

    complete_through: datetime | None
    coverage: float | None
    gaps: int | None
    sources: str  # "hot", "cold", or both with a comma

    def headers(self) -> dict[str, str]:
        """As the headers of an answer; what is not known has none."""
        known = {
            "Data-Complete-Through": self.complete_through and instant_text(self.complete_through),
            "Data-Coverage": None if self.coverage is None else f"{self.coverage:.6f}",
            "Data-Gaps": None if self.gaps is None else str(self.gaps),
            "Data-Sources": self.sources,
        }
        return {name: value for name, value in known.items() if value}


HEADERS = {
    "Data-Complete-Through": {
        "schema": {"type": "string"},
        "description": "what the log held then is all accounted for",
    },
    "Data-Coverage": {"schema": {"type": "string"}, "description": "0 to 1, of the least covered symbol asked for"},
    "Data-Gaps": {"schema": {"type": "string"}, "description": "gaps in what was asked for that were not filled"},
    "Data-Sources": {"schema": {"type": "string"}, "description": "hot, cold, or both"},
}


def coverage_of(
    snapshot: Snapshot, profiles: Profiles, start: datetime, end: datetime, symbols: list[str] | None
) -> list[SymbolCoverage]:
    """Each symbol's coverage in the window, widened to whole hours."""
    window = whole_hours(start, end)
    return list(
        together(
            window_counts(snapshot, *window, symbols),
            silences(snapshot, *window, symbols),
            symbol_spans(snapshot, *window, symbols),
            profiles,
            window=window,
            now=clock(snapshot),
        )
    )


def stamp(
    snapshot: Snapshot,
    profiles: Profiles,
    window: tuple[datetime, datetime],
    symbols: list[str] | None,
    *,
    max_offsets: int,
    sources: str = "hot",
    min_coverage: float | None = None,
) -> Fitness:
    """The fitness of an answer about these symbols (None: all) in this window.

    Raises ``Problem`` 409 where a symbol has less coverage than ``min_coverage``.
    """
    found = [row for row in coverage_of(snapshot, profiles, *window, symbols) if row.coverage is not None]
    if min_coverage is not None:
        _require(found, min_coverage)
    least = min((row.coverage for row in found if row.coverage is not None), default=None)
    gaps = count_gaps(snapshot, *window, symbols)
    return Fitness(complete_through(snapshot, max_offsets), least, gaps, sources)


def _require(found: list[SymbolCoverage], least: float) -> None:
    poor = sorted((row.coverage or 0.0, row.symbol) for row in found if (row.coverage or 0.0) < least)
    if not found:
        raise Problem(409, "nothing is known of these symbols in this window", "see /v1/coverage", coverage=None)
    if poor:
        coverage, symbol = poor[0]
        told = f"{symbol} has a coverage of {coverage:.6f}, less than {least:g}"
        more = f", and {len(poor) - 1} symbols more" if len(poor) > 1 else ""
        raise Problem(409, told + more, "see /v1/gaps and /v1/coverage, or ask for less", coverage=coverage)
