"""Sequence events as rows: found along the prefix, filled later, confirmed after a while."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from orderbook.sequence import SequenceEvent, without
from orderbook.store.completeness.stitching import PartitionStitching, with_instants
from orderbook.store.database import translated
from orderbook.tick import microseconds

UNFILLED = text("""
    SELECT * FROM sequence_event
    WHERE generation_id = :generation AND partition = :partition AND symbol = :symbol AND n_missing > 0
      AND epoch_offset = :epoch_offset AND first_sequence <= :highest AND last_sequence >= :lowest
    FOR UPDATE
""")
# A gap is explained when something is known of the log between the two ticks on its sides: a lost range, or as many
# rejects of the symbol as ids are missing (bytes that cannot be read still have their key).
CAUSES = text("""
    WITH lost AS MATERIALIZED (  -- few, but to be looked for among all ranges of the partition: once
        SELECT start_offset, end_offset FROM offset_range
        WHERE generation_id = :generation AND partition = :partition AND state = 'lost')
    SELECT g.symbol, g.offset,
           EXISTS (SELECT FROM lost WHERE lost.start_offset < g.offset AND lost.end_offset > g.after_offset) AS lost,
           (SELECT count(*) FROM quarantine q
            WHERE q.generation_id = :generation AND q.kafka_partition = :partition
              AND q.kafka_offset > g.after_offset AND q.kafka_offset < g.offset
              AND (q.key = convert_to(g.symbol, 'UTF8')
                   OR position(convert_to('"' || g.symbol || '"', 'UTF8') IN q.value) > 0)) >= g.count AS quarantined
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS g (symbol text, "offset" bigint, after_offset bigint, count bigint)
""")
FOUND = text("""
    INSERT INTO sequence_event (
        generation_id, partition, symbol, kind, state, cause, epoch_offset, after_offset, kafka_offset,
        first_sequence, last_sequence, ids, missing, n_missing, after_time, event_time, settled_at)
    SELECT :generation, :partition, symbol, kind, state, cause, epoch_offset, after_offset, "offset",
           first, last, count, missing, n_missing, after_time, time, CASE WHEN state <> 'open' THEN now() END
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS e (
        symbol text, kind text, state text, cause text, epoch_offset bigint, after_offset bigint, "offset" bigint,
        first bigint, last bigint, count bigint, missing bigint[], n_missing bigint,
        after_time timestamptz, time timestamptz)
    ON CONFLICT (generation_id, partition, symbol, kind, kafka_offset) DO UPDATE
    SET last_sequence = excluded.last_sequence, ids = sequence_event.ids + excluded.ids
""")
FILLED = text("""
    UPDATE sequence_event SET kind = :kind, missing = CAST(:missing AS bigint[]), n_missing = :n_missing,
        state = CASE WHEN :n_missing = 0 THEN 'late_filled' ELSE state END,
        settled_at = CASE WHEN :n_missing = 0 THEN now() ELSE settled_at END
    WHERE generation_id = :generation AND partition = :partition AND symbol = :symbol AND kind = 'gap'
      AND kafka_offset = :offset
""")
CONFIRM = text("""
    UPDATE sequence_event SET state = 'confirmed', settled_at = now()
    WHERE state = 'open' AND detected_at <= now() - make_interval(secs => :age_seconds)
""")
# A fill waits until the chain has passed it: before that, no gap shows.
LATE_FILLS = text("""
    SELECT f.generation_id, f.partition, f.kafka_offset, f.symbol, f.sequence_id FROM late_fill f
    JOIN sequence_chain c USING (generation_id, partition, symbol)
    WHERE f.kafka_offset < c.last_offset ORDER BY 1, 2, 3 LIMIT 1000
""")
TAKE_FILL = text("""
    DELETE FROM late_fill WHERE generation_id = :generation AND partition = :partition AND kafka_offset = :at
""")
GAP_AROUND = text("""
    SELECT * FROM sequence_event
    WHERE generation_id = :generation AND partition = :partition AND symbol = :symbol AND kind = 'gap'
      AND n_missing > 0 AND after_offset < :at AND kafka_offset > :at
      AND first_sequence <= :sequence_id AND last_sequence >= :sequence_id
    FOR UPDATE
""")

_COLUMNS: Final = tuple(field.name for field in fields(SequenceEvent))


def unfilled(store: PartitionStitching, symbol: str, epoch_offset: int, ids: tuple[int, int]) -> list[SequenceEvent]:
    """The gaps of a symbol's epoch that have ids missing and touch ``ids`` (lowest and highest)."""
    arguments = {"symbol": symbol, "epoch_offset": epoch_offset, "lowest": ids[0], "highest": ids[1]}
    return [_event(row) for row in store.connection.execute(UNFILLED, {**store.place, **arguments})]


def save_events(store: PartitionStitching, found: Sequence[SequenceEvent], filled: Iterable[SequenceEvent]) -> None:
    """Write what was found, with its cause, and what is left of gaps that were known."""
    if found:
        causes = _causes(store, [event for event in found if event.kind == "gap"])
        rows = [_row(event, causes.get((event.symbol, event.offset))) for event in found]
        store.connection.execute(FOUND, {**store.place, "rows": json.dumps(rows)})
    for gap in filled:
        _fill(store.connection, store.place, gap)


def confirm_gaps(engine: Engine, age_seconds: float) -> int:
    """Confirm the gaps that stayed open for so long; returns how many."""
    with translated(), engine.begin() as connection:
        return connection.execute(CONFIRM, {"age_seconds": age_seconds}).rowcount


def apply_late_fills(engine: Engine) -> int:
    """Take the ids of requeued ticks out of the gaps around them; returns how many ticks were looked at."""
    with translated(), engine.begin() as connection:
        fills = connection.execute(LATE_FILLS).all()
    for generation, partition, at, symbol, number in fills:
        place = {"generation": generation, "partition": partition}
        with translated(), engine.begin() as connection:
            if connection.execute(TAKE_FILL, {**place, "at": at}).rowcount == 0:
                continue  # another process was faster
            around = {**place, "symbol": symbol, "at": at, "sequence_id": number}
            for row in connection.execute(GAP_AROUND, around).all():
                gap = _event(row)
                left = replace(gap, missing=without(gap.missing, number, number), cause=gap.cause or "quarantined")
                _fill(connection, place, left)
    return len(fills)


def _causes(store: PartitionStitching, gaps: Sequence[SequenceEvent]) -> dict[tuple[str, int], str]:
    if not gaps:
        return {}
    asked = [{name: getattr(gap, name) for name in ("symbol", "offset", "after_offset", "count")} for gap in gaps]
    found = store.connection.execute(CAUSES, {**store.place, "rows": json.dumps(asked)})
    return {(r.symbol, r.offset): "lost" if r.lost else "quarantined" for r in found if r.lost or r.quarantined}


def _row(event: SequenceEvent, cause: str | None) -> dict[str, Any]:
    is_gap = event.kind == "gap"
    cause = cause if is_gap else None
    is_open = is_gap and event.missing_count > 0
    is_filled = is_gap and not is_open
    return {
        **with_instants({name: getattr(event, name) for name in _COLUMNS}),  # of hundreds: asdict would copy each deep
        "cause": cause,
        "kind": _kind(event, cause),
        "state": "open" if is_open else "late_filled" if is_filled else "confirmed",
        "missing": [number for interval in event.missing for number in interval],
        "n_missing": event.missing_count,
    }


def _kind(event: SequenceEvent, cause: str | None) -> str:
    """A gap without a cause whose ids all came later in the log was a matter of order only."""
    came_late = event.kind == "gap" and event.missing_count == 0 and cause is None
    return "reorder" if came_late else event.kind


def _fill(connection: Connection, place: dict[str, int], gap: SequenceEvent) -> None:
    missing = [number for interval in gap.missing for number in interval]
    arguments = {"symbol": gap.symbol, "offset": gap.offset, "kind": _kind(gap, gap.cause)}
    connection.execute(FILLED, {**place, **arguments, "missing": missing, "n_missing": gap.missing_count})


def _event(row: Any) -> SequenceEvent:
    return SequenceEvent(
        symbol=row.symbol,
        kind=row.kind,
        offset=row.kafka_offset,
        after_offset=row.after_offset,
        epoch_offset=row.epoch_offset,
        first=row.first_sequence,
        last=row.last_sequence,
        count=row.ids,
        after_time=microseconds(row.after_time),
        time=microseconds(row.event_time),
        missing=tuple(zip(row.missing[::2], row.missing[1::2], strict=True)),
        cause=row.cause,
    )
