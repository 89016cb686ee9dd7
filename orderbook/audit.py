"""The proof of the promise: every offset that was planned is in exactly one place, and holds what the log holds.

The rows are counted anew, never trusting the ledger's own counts; the deep audit reads the log again and compares
values.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from orderbook.ingest.validator import Validator
from orderbook.profiles import Fault
from orderbook.store.ledger.recount import AuditedCursor, AuditedRange, Recount, Snapshot, Stored
from orderbook.stream.batch import FetchLimits, RangeFetcher, read_all
from orderbook.stream.records import Record
from orderbook.stream.topics import LogBounds, TopicIdentity
from orderbook.tick import FIELDS

DEEP_STEP = 20_000  # offsets compared at a time
_SPARED = frozenset({"refused", "poison", "poison_unread"})  # reasons that judging again cannot show
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    label: str  # topic/partition/first-last
    problem: str


@dataclass(slots=True)
class Report:
    """What the audit saw. It balances when there is no finding."""

    ok: int = 0
    bad: int = 0
    gaps: int = 0
    lost: int = 0
    open: int = 0
    ranges: int = 0
    partitions: int = 0
    compared: int = 0  # offsets whose values were read again from the log
    not_in_log: int = 0  # and those that the log no longer has
    findings: list[Finding] = field(default_factory=list)

    @property
    def balances(self) -> bool:
        """Whether the promise holds."""
        return not self.findings


def audit(snapshot: Snapshot, projected: dict[int, int], progress: Progress) -> Report:
    """Recount everything. ``projected``: the group's offsets in Kafka, by partition, of the newest generation."""
    report = Report()
    cursors = snapshot.cursors()
    newest = max((cursor.generation for cursor in cursors), default=0)
    for cursor in cursors:
        progress(f"{cursor.topic}/{cursor.partition}")
        ranges = snapshot.ranges(cursor)
        report.partitions += 1
        report.ranges += len(ranges)
        report.findings += _tiling(cursor, ranges)
        report.findings += _counts(snapshot, cursor, ranges, report)
        report.findings += _announced(snapshot, cursor, ranges)
        if cursor.generation == newest and projected.get(cursor.partition, 0) > cursor.committed:
            problem = f"the group offset {projected[cursor.partition]} is past the prefix {cursor.committed}"
            report.findings.append(Finding(f"{cursor.topic}/{cursor.partition}", problem))
    report.findings += [Finding(path, problem) for path, problem in snapshot.unreadable()]
    for generation, partition, rows in snapshot.unknown_places():
        report.findings.append(Finding(f"generation {generation}/{partition}", f"{rows} rows of an unknown partition"))
    return report


def _label(cursor: AuditedCursor, start: int, end: int) -> str:
    return f"{cursor.topic}/{cursor.partition}/{start}-{end - 1}"


def _tiling(cursor: AuditedCursor, ranges: Sequence[AuditedRange]) -> Iterator[Finding]:
    """Ranges tile ``[origin, planned)`` and nothing below the prefix is open."""
    expected = cursor.origin
    for found in ranges:
        if found.start > expected:
            yield Finding(_label(cursor, expected, found.start), "a hole in the ledger: no range has these offsets")
        elif found.start < expected:
            yield Finding(_label(cursor, found.start, expected), "two ranges overlap")
        if found.state == "planned" and found.start < cursor.committed:
            yield Finding(_label(cursor, found.start, found.end), f"open below the prefix {cursor.committed}")
        expected = max(expected, found.end)
    if expected < cursor.planned:
        yield Finding(_label(cursor, expected, cursor.planned), "a hole in the ledger: no range has these offsets")
    elif expected > cursor.planned:
        yield Finding(_label(cursor, cursor.planned, expected), f"ranges beyond what is planned ({cursor.planned})")


def _counts(
    snapshot: Snapshot, cursor: AuditedCursor, ranges: Sequence[AuditedRange], report: Report
) -> Iterator[Finding]:
    counted = snapshot.recount(cursor, [found.start for found in ranges])
    for index, found in enumerate(ranges):
        recount = counted.pop(index, Recount())
        _add(report, found, recount)
        yield from _range_findings(snapshot, cursor, found, recount)
    for recount in counted.values():
        yield Finding(f"{cursor.topic}/{cursor.partition}", f"{recount.offsets} offsets stored before the first range")


def _add(report: Report, found: AuditedRange, recount: Recount) -> None:
    size = found.end - found.start
    if found.state == "done":
        report.ok += recount.ok
        report.bad += recount.bad
        report.gaps += size - recount.offsets
    elif found.state == "lost":
        report.lost += size
    else:
        report.open += size


def _range_findings(
    snapshot: Snapshot, cursor: AuditedCursor, found: AuditedRange, recount: Recount
) -> Iterator[Finding]:
    label = _label(cursor, found.start, found.end)
    if recount.last >= found.end:
        yield Finding(label, f"rows up to offset {recount.last} belong to no range")
        return
    if found.state != "done":
        if recount.offsets:
            yield Finding(label, f"{recount.offsets} offsets are stored, but the range is {found.state}")
        return
    if recount.ok + recount.bad != recount.offsets:
        twice = snapshot.offsets_twice(cursor, found.start, found.end)
        yield Finding(label, f"offsets in two places: {', '.join(map(str, twice))}")
    claimed = (found.ok, found.bad, found.gaps)
    actual = (recount.ok, recount.bad, found.end - found.start - recount.offsets)
    if claimed != actual:
        names = ("ticks", "quarantined", "empty")
        told = ", ".join(
            f"{n} {a} counted, {c} claimed" for n, a, c in zip(names, actual, claimed, strict=True) if a != c
        )
        yield Finding(label, f"the rows differ from the ledger: {told}")


def _announced(snapshot: Snapshot, cursor: AuditedCursor, ranges: Sequence[AuditedRange]) -> Iterator[Finding]:
    """Every lost offset rang an alarm."""
    lost = [found for found in ranges if found.state == "lost"]
    alarms = snapshot.lost_alarms(cursor) if lost else []
    for found in lost:
        position = found.start
        for start, end in alarms:
            if start <= position < end:
                position = end
        if position < found.end:
            yield Finding(_label(cursor, position, found.end), "lost without an alarm")


def _finished(ranges: Sequence[AuditedRange]) -> Iterator[tuple[int, int]]:
    """The finished offsets as few intervals: a quiet feed makes thousands of ranges, and reading each costs a query."""
    start = end = -1
    for found in ranges:
        if found.state != "done":
            continue
        if found.start != end:
            if start < end:
                yield start, end
            start = found.start
        end = found.end
    if start < end:
        yield start, end


class DeepAudit:
    """Reads the log again and compares every value with what is stored."""

    def __init__(self, fetcher: RangeFetcher, validator: Validator, limits: FetchLimits) -> None:
        self._fetcher = fetcher
        self._validator = validator
        self._limits = limits

    def run(
        self,
        snapshot: Snapshot,
        identity: TopicIdentity,
        bounds: dict[int, LogBounds],
        report: Report,
        progress: Progress,
    ) -> None:
        """Add what differs to ``report``. Raises ``Unavailable`` when Kafka goes away meanwhile."""
        for cursor in snapshot.cursors():
            lives = (cursor.cluster_id, cursor.topic_id) == (identity.cluster_id, identity.topic_id)
            log_start = bounds[cursor.partition].start if lives and cursor.partition in bounds else cursor.planned
            for first, last in _finished(snapshot.ranges(cursor)):
                begin = min(max(first, log_start), last)
                report.not_in_log += begin - first
                for start in range(begin, last, DEEP_STEP):
                    end = min(start + DEEP_STEP, last)
                    progress(_label(cursor, start, end))
                    report.findings += self._compare(snapshot, cursor, start, end)
                    report.compared += end - start

    def _compare(self, snapshot: Snapshot, cursor: AuditedCursor, start: int, end: int) -> Iterator[Finding]:
        stored = snapshot.stored(cursor, start, end)
        seen: set[int] = set()
        for record in read_all(self._fetcher, cursor.partition, start, end, self._limits):
            seen.add(record.offset)
            problem = self._problem(record, stored)
            if problem is not None:
                yield Finding(_label(cursor, record.offset, record.offset + 1), problem)
        for offset in sorted((stored.ticks.keys() | stored.rejects.keys()) - seen):
            yield Finding(_label(cursor, offset, offset + 1), "stored, but the log has no such record")

    def _problem(self, record: Record, stored: Stored) -> str | None:
        tick, rejected = stored.ticks.get(record.offset), stored.rejects.get(record.offset)
        if tick is None and rejected is None:
            return "in the log, but stored nowhere"
        verdict = self._validator.judge_one(record)
        if rejected is not None:
            reason, key, value, resolution = rejected
            if reason != "poison_unread" and (key, value) != (record.key, record.value):
                return "the bytes in quarantine differ from the log's"
            if resolution != "landed":
                valid = not isinstance(verdict, Fault) and reason not in _SPARED
                return f"a valid tick is quarantined as {reason}" if valid else None
        if isinstance(verdict, Fault):
            return None if rejected is not None else f"stored as a tick, but it is to be rejected: {verdict.reason}"
        expected = tuple(getattr(verdict, name) for name in FIELDS)
        if tick != expected:
            names = [n for n, a, b in zip(FIELDS, tick or expected, expected, strict=True) if a != b]
            return f"stored values differ from the log's: {', '.join(names)}"
        return None
