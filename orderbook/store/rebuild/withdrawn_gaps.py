"""Gaps that open where ticks were withdrawn: below the stitched offset nobody judges ids again."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from orderbook.store.ledger.recount import AuditedCursor
from orderbook.tick import FIELDS

# A gap that was known there takes the id back, unless it is missing already.
REOPEN = text("""
    UPDATE sequence_event SET state = 'open', settled_at = NULL, missing = missing || ARRAY[:id, :id]::bigint[],
        n_missing = n_missing + 1, cause = coalesce(cause, :cause)
    WHERE generation_id = :generation AND partition = :partition AND symbol = :symbol AND kind = 'gap'
      AND after_offset < :offset AND kafka_offset > :offset AND first_sequence <= :id AND last_sequence >= :id
      AND NOT EXISTS (SELECT FROM generate_series(1, cardinality(missing), 2) AS n
                      WHERE :id BETWEEN missing[n] AND missing[n + 1])
""")
IS_MISSING = text("""
    SELECT EXISTS (
        SELECT FROM sequence_event
        WHERE generation_id = :generation AND partition = :partition AND symbol = :symbol AND kind = 'gap'
          AND after_offset < :offset AND kafka_offset > :offset AND first_sequence <= :id AND last_sequence >= :id)
""")
# The tick behind them shows both this gap and one that was there: they are one.
OPEN = text("""
    INSERT INTO sequence_event (
        generation_id, partition, symbol, kind, state, cause, epoch_offset, after_offset, kafka_offset,
        first_sequence, last_sequence, ids, missing, n_missing, after_time, event_time)
    SELECT :generation, :partition, :symbol, 'gap', 'open', :cause,
           CASE WHEN c.epoch_offset <= :offset THEN c.epoch_offset ELSE :after_offset END, :after_offset,
           :kafka_offset, :id, :id, 1, ARRAY[:id, :id]::bigint[], 1, :after_time, :event_time
    FROM (VALUES (1)) AS one LEFT JOIN sequence_chain c
        ON c.generation_id = :generation AND c.partition = :partition AND c.symbol = :symbol
    ON CONFLICT (generation_id, partition, symbol, kind, kafka_offset) DO UPDATE
    SET state = 'open', settled_at = NULL, cause = coalesce(sequence_event.cause, excluded.cause),
        after_offset = least(sequence_event.after_offset, excluded.after_offset),
        after_time = least(sequence_event.after_time, excluded.after_time),
        first_sequence = least(sequence_event.first_sequence, excluded.first_sequence),
        last_sequence = greatest(sequence_event.last_sequence, excluded.last_sequence),
        ids = sequence_event.ids + 1, n_missing = sequence_event.n_missing + 1,
        missing = sequence_event.missing || excluded.missing
""")
_SYMBOL: Final = FIELDS.index("symbol")
_TIME: Final = FIELDS.index("event_time")


@dataclass(frozen=True, slots=True)
class Gone:
    """An id that was stored, and is no more."""

    offset: int
    at: datetime
    symbol: str
    sequence_id: int
    is_reject: bool


def open_gaps(
    connection: Connection, cursor: AuditedCursor, gone: Sequence[Gone], ticks: Mapping[int, tuple[Any, ...]]
) -> None:
    """Open a gap for each id between the ticks of its symbol; ``ticks``: those that are stored now, by offset.

    Where none of them lies before or behind, the gap reaches as far as the id's own place.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for offset in sorted(ticks):
        places[ticks[offset][_SYMBOL]].append(offset)
    for each in gone:
        there = places[each.symbol]
        at = bisect_left(there, each.offset)
        before, behind = there[at - 1] if at else None, there[at] if at < len(there) else None
        _open(
            connection,
            {
                **cursor.place,
                "symbol": each.symbol,
                "id": each.sequence_id,
                "offset": each.offset,
                "cause": "quarantined" if each.is_reject else None,
                "after_offset": each.offset - 1 if before is None else before,
                "after_time": each.at if before is None else ticks[before][_TIME],
                "kafka_offset": each.offset + 1 if behind is None else behind,
                "event_time": each.at if behind is None else ticks[behind][_TIME],
            },
        )


def _open(connection: Connection, arguments: dict[str, Any]) -> None:
    if connection.execute(REOPEN, arguments).rowcount:
        return
    if not connection.execute(IS_MISSING, arguments).scalar_one():
        connection.execute(OPEN, arguments)
