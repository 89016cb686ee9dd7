"""Merging finished ranges: below the prefix, neighbours whose ids are stitched become one row, their counts summed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from orderbook.store.database import translated

MOST_AT_ONCE = 500  # rows locked in one transaction
KEPT_RECORDS = 100  # of the newest ranges: merged into millions, the breaker would not see what came last

# What is not stitched yet keeps its summary, and so its row.
CURSORS = text("""
    SELECT c.generation_id, c.partition, least(c.committed, s.stitched) AS settled
    FROM partition_cursor c JOIN sequence_cursor s USING (generation_id, partition) ORDER BY 1, 2
""")
FINISHED = text("""
    SELECT id, start_offset, end_offset, n_ok, n_bad, n_gap, leader_epoch, code_version FROM offset_range
    WHERE generation_id = :generation AND partition = :partition AND state = 'done' AND end_offset <= :settled
      AND done_at < now() - make_interval(secs => :age_seconds)
      AND start_offset < (
          SELECT coalesce(min(start_offset), 0) FROM (
              SELECT start_offset, sum(n_ok + n_bad) OVER (ORDER BY start_offset DESC) - (n_ok + n_bad) AS newer
              FROM offset_range
              WHERE generation_id = :generation AND partition = :partition AND state = 'done') AS newest
          WHERE newer < :kept)
    ORDER BY start_offset LIMIT :most
    FOR UPDATE SKIP LOCKED
""")
FORGET = text("DELETE FROM offset_range WHERE id = ANY(:ids)")
WIDEN = text("""
    UPDATE offset_range
    SET end_offset = :end, n_ok = :ok, n_bad = :bad, n_gap = :gaps, leader_epoch = :epoch, code_version = :version,
        summary = NULL, skews = NULL, planned_at = NULL, fetched_at = NULL
    WHERE id = :id AND state = 'done'
""")


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished range as the ledger has it."""

    id: int
    start: int
    end: int
    ok: int
    bad: int
    gaps: int
    epoch: int | None
    version: str | None


def merge_finished(engine: Engine, age_seconds: float) -> int:
    """Merge what has been finished for ``age_seconds``; returns how many rows the ledger lost."""
    with translated(), engine.begin() as connection:
        cursors = connection.execute(CURSORS).all()
    return sum(_merge_partition(engine, cursor, age_seconds) for cursor in cursors)


def _merge_partition(engine: Engine, cursor: Row[Any], age_seconds: float) -> int:
    where = {"generation": cursor.generation_id, "partition": cursor.partition, "settled": cursor.settled}
    arguments = {**where, "age_seconds": age_seconds, "most": MOST_AT_ONCE, "kept": KEPT_RECORDS}
    merged = 0
    while True:
        with translated(), engine.begin() as connection:
            ranges = [Finished(*row) for row in connection.execute(FINISHED, arguments)]
            now = sum(_merge(connection, run) for run in runs(sorted(ranges, key=lambda r: r.start)))
        merged += now
        if len(ranges) < MOST_AT_ONCE or not now:
            return merged


def runs(ranges: Sequence[Finished]) -> Iterator[list[Finished]]:
    """Yield the longest runs of two or more ranges that touch and were landed by one code version."""
    run: list[Finished] = []
    for found in ranges:
        if run and (run[-1].end != found.start or run[-1].version != found.version):
            if len(run) > 1:
                yield run
            run = []
        run.append(found)
    if len(run) > 1:
        yield run


def _merge(connection: Connection, run: list[Finished]) -> int:
    connection.execute(FORGET, {"ids": [found.id for found in run[1:]]})
    whole = {
        "id": run[0].id,
        "end": run[-1].end,
        "ok": sum(found.ok for found in run),
        "bad": sum(found.bad for found in run),
        "gaps": sum(found.gaps for found in run),
        "epoch": run[-1].epoch,
        "version": run[0].version,
    }
    assert connection.execute(WIDEN, whole).rowcount == 1
    return len(run) - 1
