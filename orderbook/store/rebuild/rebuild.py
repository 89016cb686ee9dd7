"""What a rebuild is to change of the store: rows and verdicts compared. `corrections.py` writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import Engine, text

from orderbook.store.database import translated
from orderbook.store.ledger.recount import AuditedCursor, Stored
from orderbook.store.ledger.rejects import Reject
from orderbook.store.reader import HOLD_DAYS
from orderbook.tick import FIELDS, OrderBookTick

# Judging again shows nothing of these: Postgres or a process' end was the evidence.
SPARED = frozenset({"refused", "poison", "poison_unread"})

# A reject's own day may be unreadable, so the broker's counts.
EXTENT = text("""
    SELECT min(kafka_offset), max(kafka_offset) + 1 FROM (
        SELECT kafka_offset FROM ticks WHERE event_time >= :first AND event_time < :last
           AND generation_id = :generation AND kafka_partition = :partition
        UNION ALL
        SELECT kafka_offset FROM quarantine WHERE broker_time >= :first AND broker_time < :last
           AND generation_id = :generation AND kafka_partition = :partition) AS placed
""")
Verdicts = Mapping[int, OrderBookTick | Reject]  # by offset


@dataclass(slots=True)
class Changes:
    """What differs between the rows of now and the verdicts of now, by offset."""

    withdrawn: list[int] = field(default_factory=list)  # ticks that go: other values, or no tick any more
    stored: list[int] = field(default_factory=list)  # ticks that come
    landed: list[int] = field(default_factory=list)  # rejects whose tick comes
    reopened: list[int] = field(default_factory=list)  # rejects that had landed, and are rejects again
    quarantined: list[int] = field(default_factory=list)  # ticks that are rejects
    elsewhere: list[int] = field(default_factory=list)  # rows that are not in Postgres: archived, so not compared

    def __bool__(self) -> bool:
        return bool(self.withdrawn or self.stored)

    def __str__(self) -> str:
        corrected = len(set(self.withdrawn) & set(self.stored))
        rejected = len(self.reopened) + len(self.quarantined)
        return f"{len(self.landed)} stored, {rejected} quarantined, {corrected} corrected"


def compare(rows: Stored, verdicts: Verdicts) -> Changes:
    """What makes the rows what the verdicts say. A reject that was dropped, or that judging cannot show, stays."""
    changes = Changes()
    for offset, verdict in verdicts.items():
        tick, rejected = rows.ticks.get(offset), rows.rejects.get(offset)
        resolution = rejected[3] if rejected is not None else None
        if tick is None and resolution in {None, "landed"}:
            changes.elsewhere.append(offset)
        elif isinstance(verdict, Reject):
            if tick is not None:
                changes.withdrawn.append(offset)
                (changes.quarantined if rejected is None else changes.reopened).append(offset)
        elif tick is not None:
            if tick != tuple(getattr(verdict, name) for name in FIELDS):
                changes.withdrawn.append(offset)
                changes.stored.append(offset)
        elif rejected is not None and resolution == "open" and rejected[0] not in SPARED:
            changes.landed.append(offset)
            changes.stored.append(offset)
    return changes


def extent_of_day(engine: Engine, cursor: AuditedCursor, day: date) -> tuple[int, int] | None:
    """The offsets among which the hot ticks of a UTC day lie, and the rejects that came on it; None: there are none."""
    first = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    with translated(), engine.begin() as connection:
        connection.execute(HOLD_DAYS)
        start, end = connection.execute(EXTENT, {**cursor.place, "first": first, "last": first + timedelta(1)}).one()
    return None if start is None else (start, end)
