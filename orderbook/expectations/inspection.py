"""A window judged: ticks streamed, columns derived, suites held against them, findings added up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

import pyarrow as pa

from orderbook.expectations.columns import SHOWN, SequenceSteps, derive
from orderbook.expectations.judge import MOST_ROWS, Finding
from orderbook.expectations.pace import Counted, Pace
from orderbook.expectations.suite import FINITE, LEDGER, SCHEMA, SYMBOLS, Expected, tick_suite, whole_suite
from orderbook.expectations.window import Window
from orderbook.profiles import Profile, Profiles
from orderbook.store.expectation_runs import ExpectationResult, Outcome
from orderbook.store.readers.window import WindowFacts

CHUNK_ROWS: Final = 100_000  # held against a suite at once: 20 MB in Arrow, and what pandas copies of it

_FACT: Final = pa.schema({"name": pa.string(), "found": pa.string(), "declared": pa.string()})
_SYMBOL: Final = pa.schema(
    {
        "symbol": pa.string(),
        "profile": pa.string(),
        "ticks": pa.int64(),
        "patience_seconds": pa.float64(),
        "silent_seconds": pa.float64(),
        "silent_from": pa.timestamp("us", "UTC"),
    }
)
_HOUR: Final = pa.schema(
    {"symbol": pa.string(), "hour": pa.timestamp("us", "UTC"), "stored": pa.int64(), "counted": pa.int64()}
)
_SHOWN_TOO: Final = {
    "sequence_monotonic": ("previous_sequence_id",),
}


class Judging(Protocol):
    """What ``Judge`` does."""

    def judge(self, suite: Sequence[Expected], table: pa.Table) -> list[Finding]:
        """Hold all of ``suite`` against ``table``."""


@dataclass(slots=True)
class _Tally:
    """The findings of an expectation over all chunks."""

    checked: int = 0
    failed: int = 0
    rows: list[dict[str, str | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found: ``ticks`` judged, and a result for every expectation of the window.

    ``broke_off`` says why a run did not come to its end, and is empty where it did.
    """

    ticks: int
    results: list[ExpectationResult]
    broke_off: str = ""

    @property
    def outcome(self) -> Outcome:
        """Failed where anything fails; empty where no tick came and none was expected."""
        if self.broke_off:
            return "error"
        if any(result.passed is False for result in self.results):
            return "failed"
        return "passed" if self.ticks else "empty"


class Inspection:
    """One pass over one window. Feed it every batch, then ask for what was found."""

    def __init__(self, judge: Judging, facts: WindowFacts, profiles: Profiles, window: Window) -> None:
        self._judge = judge
        self._facts = facts
        self._window = window
        self._steps = SequenceSteps(facts.resets)
        self._profiles = profiles
        self._pace = Pace(profiles, Counted(facts.stitched, facts.late))
        for symbol, since in facts.known_since.items():
            self._pace.expect(symbol, since)
        self._waiting: dict[Profile | None, list[pa.Table]] = {}  # by profile; None: all, for what is not finite
        self._tallies: dict[tuple[str, str | None], _Tally] = {}
        self._seen: list[Profile] = []
        self._ticks = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next batch of ``stream_ticks``."""
        if not batch.num_rows:
            return
        self._ticks += batch.num_rows
        self._pace.add(batch)
        self._gather(None, pa.table(batch).select([*SHOWN, "finite"]))
        for profile, table in derive(batch, self._profiles, self._steps):
            self._gather(profile, table)

    def end(self, *, streamed: bool) -> Inspected:
        """Judge what is left; ``streamed`` False: the ticks could not be read, and only the schema is judged."""
        for profile in list(self._waiting):
            self._flush(profile)
        self._hold([SCHEMA], pa.Table.from_pylist([asdict(fact) for fact in self._facts.columns], _FACT))
        if streamed:
            until = min(self._window.end, self._facts.now)
            self._hold(SYMBOLS, pa.Table.from_pylist(list(self._pace.symbols(until)), _SYMBOL))
            self._hold([LEDGER], pa.Table.from_pylist(list(self._pace.ledger(self._facts.hours)), _HOUR))
        return Inspected(self._ticks, [self._result(expected) for expected in whole_suite(self._seen)])

    def _gather(self, profile: Profile | None, table: pa.Table) -> None:
        waiting = self._waiting.setdefault(profile, [])
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= CHUNK_ROWS:
            self._flush(profile)

    def _flush(self, profile: Profile | None) -> None:
        table = pa.concat_tables(self._waiting.pop(profile))
        if profile is None:
            self._hold([FINITE], table)
            return
        if profile not in self._seen:
            self._seen.append(profile)
        self._hold(tick_suite(profile), table)

    def _hold(self, suite: Sequence[Expected], table: pa.Table) -> None:
        for finding in self._judge.judge(suite, table):
            expected = finding.expected
            tally = self._tallies.setdefault((expected.name, expected.profile), _Tally())
            tally.checked += finding.checked
            tally.failed += finding.failed
            room = MOST_ROWS - len(tally.rows)
            tally.rows += _rows(table, expected, finding.rows[:room])

    def _result(self, expected: Expected) -> ExpectationResult:
        tally = self._tallies.get((expected.name, expected.profile))
        return ExpectationResult(
            name=expected.name,
            profile=expected.profile,
            severity=expected.severity,
            passed=None if tally is None else tally.failed == 0,
            checked=0 if tally is None else tally.checked,
            failed=0 if tally is None else tally.failed,
            told=expected.told,
            rows=[] if tally is None else tally.rows,
        )


def inspect(inspection: Inspection, batches: Iterable[pa.RecordBatch] | None) -> Inspected:
    """Feed all ``batches``; None where they cannot be read."""
    for batch in batches or ():
        inspection.add(batch)
    return inspection.end(streamed=batches is not None)


def _rows(table: pa.Table, expected: Expected, places: list[int]) -> Iterator[dict[str, str | None]]:
    if not places:
        return
    columns = table.column_names
    if expected.batch in {"ticks", "numbers"}:
        columns = [*SHOWN, *_SHOWN_TOO.get(expected.name, ())]
    for row in table.select(columns).take(pa.array(places)).to_pylist():
        yield {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat(sep=" ", timespec="microseconds") if isinstance(value, datetime) else str(value)
