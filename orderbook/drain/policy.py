"""How the log is cut into ranges, and what Kafka's answers mean. Values in, values out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orderbook.store.ledger.partition_ledger import Cursor, OpenRange
from orderbook.stream.topics import LogBounds

LOW_PASSES_TO_HALT = 3  # one low answer may come from a follower that has just become leader


@dataclass(frozen=True, slots=True)
class CutPolicy:
    """How the log is cut into ranges."""

    max_offsets: int = 20_000  # the knee of COPY: 5,000 costs a quarter, more gains nothing
    max_open: int = 8  # per partition: what Redis and a crash may hold


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one pass may do with a partition: go on up to ``end``, count a low pass, or halt."""

    end: int = 0
    low: bool = False
    halt: str | None = None
    detail: str = ""


def assess(cursor: Cursor, log: LogBounds) -> Verdict:
    """Compare what the broker says of a partition with what the ledger knows."""
    behind = log.leader_epoch is not None and cursor.last_epoch is not None and log.leader_epoch < cursor.last_epoch
    if log.end >= cursor.planned and not behind:
        return Verdict(end=log.end)
    if cursor.answers_before_last_pass:
        return Verdict(end=cursor.planned)  # asked before another drainer planned further: says nothing about the end
    if behind:
        return Verdict(halt="truncated", detail=f"leader epoch {log.leader_epoch} after {cursor.last_epoch}")
    if cursor.low_passes + 1 >= LOW_PASSES_TO_HALT:
        return Verdict(halt="low_end", detail=f"the log ends at {log.end}, below {cursor.planned}, which is planned")
    return Verdict(low=True)


def prefix(cursor: Cursor, ranges: Sequence[OpenRange]) -> int:
    """Up to where every range is finished or lost."""
    return ranges[0].start if ranges else cursor.planned


def cut(planned: int, end: int, open_ranges: int, policy: CutPolicy) -> Iterator[tuple[int, int]]:
    """Yield consecutive ranges ``[start, end)`` from ``planned`` towards ``end``, oldest first.

    Stops at the policy's window, so a slow store leaves the log in Kafka. Never yields an empty range.
    """
    for _ in range(open_ranges, policy.max_open):
        if planned >= end:
            return
        start, planned = planned, min(planned + policy.max_offsets, end)
        yield start, planned
