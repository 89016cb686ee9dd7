"""A store in memory that the audit asks: what ``store.ledger.recount.Snapshot`` answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orderbook.store.ledger.recount import AuditedCursor, AuditedRange, Recount, Stored

CURSOR = AuditedCursor(1, 0, origin=0, planned=30, committed=20, topic="t", topic_id="id", cluster_id="c")
DONE = (AuditedRange(1, 0, 10, "done", 9, 1, 0), AuditedRange(2, 10, 20, "done", 8, 0, 2))
OPEN = AuditedRange(3, 20, 30, "planned", None, None, None)
COUNTED = {0: Recount(9, 1, 10, 9), 1: Recount(8, 0, 8, 19)}


@dataclass
class MemoryStore:
    """What ``store.ledger.recount.Snapshot`` answers."""

    cursor: AuditedCursor = CURSOR
    held: Sequence[AuditedRange] = (*DONE, OPEN)
    counted: dict[int, Recount] = field(default_factory=lambda: dict(COUNTED))
    alarms: Sequence[tuple[int, int]] = ()
    unknown: Sequence[tuple[int, int, int]] = ()
    rows: Stored = field(default_factory=lambda: Stored({}, {}))

    def cursors(self) -> list[AuditedCursor]:
        return [self.cursor]

    def ranges(self, cursor: AuditedCursor) -> list[AuditedRange]:
        return list(self.held)

    def recount(self, cursor: AuditedCursor, starts: Sequence[int]) -> dict[int, Recount]:
        assert list(starts) == [r.start for r in self.held]
        return dict(self.counted)

    def offsets_twice(self, cursor: AuditedCursor, start: int, end: int) -> list[int]:
        return [start + 3]

    def lost_alarms(self, cursor: AuditedCursor) -> list[tuple[int, int]]:
        return list(self.alarms)

    def unknown_places(self) -> list[tuple[int, int, int]]:
        return list(self.unknown)

    def unreadable(self) -> list[tuple[str, str]]:
        return []

    def stored(self, cursor: AuditedCursor, start: int, end: int) -> Stored:
        def within(rows: dict[int, Any]) -> dict[int, Any]:
            return {offset: row for offset, row in rows.items() if start <= offset < end}

        return Stored(within(self.rows.ticks), within(self.rows.rejects))
