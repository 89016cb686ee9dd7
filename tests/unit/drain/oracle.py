"""A log and a ledger in memory: what Kafka and Postgres do for one partition, without either."""

from dataclasses import dataclass, field

from orderbook.drain.policy import CutPolicy, assess, cut, prefix
from orderbook.store.ledger.partition_ledger import Cursor, OpenRange
from orderbook.stream.topics import LogBounds


@dataclass
class ModelLog:
    """One partition of a topic."""

    start: int = 0
    end: int = 0
    epoch: int = 0

    def bounds(self) -> LogBounds:
        return LogBounds(self.start, self.end, self.epoch)


@dataclass
class ModelRange:
    """A row of ``offset_range``."""

    start: int
    end: int
    state: str = "planned"
    epoch: int | None = None
    held: bool = False  # by a live lease or a row lock


@dataclass
class ModelLedger:
    """One row of ``partition_cursor`` with its ranges; ``drain`` applies a pass as ``drain.drainer`` does."""

    policy: CutPolicy
    origin: int = 0
    planned: int = 0
    committed: int = 0
    low_passes: int = 0
    halted: str | None = None
    drained_at: int = -1
    projected: int = 0
    ranges: list[ModelRange] = field(default_factory=list)
    alarms: list[tuple[int, int]] = field(default_factory=list)

    def open(self) -> list[ModelRange]:
        return sorted((r for r in self.ranges if r.state == "planned"), key=lambda r: r.start)

    def drain(self, bounds: LogBounds, asked: int, now: int) -> None:
        """One pass with answers that Kafka gave at ``asked``."""
        if self.halted:
            return
        cursor = Cursor(
            self.planned, self.committed, self.low_passes, None, self._last_epoch(), False, asked < self.drained_at
        )
        ranges = [OpenRange(n, r.start, r.end) for n, r in enumerate(self.open())]
        verdict = assess(cursor, bounds)
        if verdict.halt:
            self.halted = verdict.halt
            return
        if verdict.low:
            self.low_passes += 1
            return
        planned = self._lose(bounds.start)
        for start, end in cut(planned, verdict.end, len(ranges), self.policy):
            self.ranges.append(ModelRange(start, end, epoch=bounds.leader_epoch))
            planned = end
        self.planned, self.low_passes, self.drained_at = planned, 0, now
        self.committed = max(self.committed, prefix(cursor, ranges))
        self.projected = self.committed

    def _last_epoch(self) -> int | None:
        return next((r.epoch for r in self.ranges if r.end == self.planned), None)

    def _lose(self, log_start: int) -> int:
        for row in self.open():
            if row.start < log_start and not row.held:
                end = min(row.end, log_start)
                if end < row.end:
                    self.ranges.append(ModelRange(end, row.end))
                row.end, row.state = end, "lost"
                self.alarms.append((row.start, end))
        if self.planned < log_start:
            self.ranges.append(ModelRange(self.planned, log_start, "lost"))
            self.alarms.append((self.planned, log_start))
        return max(self.planned, log_start)

    def finish(self, row: ModelRange, position: int) -> None:
        """A worker lands ``[start, position)`` of a range; the rest becomes a range of its own."""
        if position < row.end:
            self.ranges.append(ModelRange(position, row.end, epoch=row.epoch))
        row.end, row.state, row.held = position, "done", False
