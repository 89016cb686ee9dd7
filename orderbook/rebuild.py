"""Ticks made anew from the log by the rules of now, as a clean ingest would have made them.

In steps of some thousand offsets. Each reads the log and judges it, outside of any transaction; then one transaction
locks the finished ranges of the step, compares their rows with the verdicts, and writes what differs
(``store/rebuild.py``).

* A reader sees a step before or after, never between; each offset is in one place throughout, and the ledger's counts
  go with the rows, so the audit balances at every moment. The deep audit names what is not rebuilt yet.
* Killed anywhere, the steps that were committed are done, and the next run finds no difference there.
* What lands meanwhile is not touched: an open range is no range of the step. Workers have the new rules first, or what
  they land is left for the next run. Requeue and merge lock the same ranges; freezing waits.
* Nothing is thrown away: a tick that goes is kept in `withdrawn_tick`, its record's bytes go into quarantine, and
  `operator_action` says who did it and why; both only grow.
* Not rebuilt: what the log no longer has, and archived rows (restore their day first). Both are counted and told.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from orderbook.crashpoints import crashpoint
from orderbook.errors import Recreated, Unavailable
from orderbook.ingest.validator import Validator, reject
from orderbook.profiles import Fault
from orderbook.store.journal import Operator
from orderbook.store.rebuild import Changes, Verdicts, apply, compare, extent_of_day
from orderbook.store.recount import AuditedCursor, Stored, snapshot
from orderbook.store.rejects import Reject
from orderbook.stream.batch import FetchLimits, RangeFetcher, Record
from orderbook.stream.topics import TopicIdentity
from orderbook.tick import OrderBookTick

STEP = 2_000  # offsets; all of them wrong, their transaction stays far below the operator's limit of 10 s


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was compared, and written unless it was only to be shown."""

    partition: int
    start: int
    end: int
    changes: Changes


class Rebuilder:
    """Rebuilds partitions of the topic that ``identity`` tells; the ledger must read the same one."""

    def __init__(
        self,
        engine: Engine,
        fetcher: RangeFetcher,
        validator: Validator,
        limits: FetchLimits,
        identity: Callable[[], TopicIdentity],
    ) -> None:
        self._engine = engine
        self._fetcher = fetcher
        self._validator = validator
        self._limits = limits
        self._identity = identity

    def run(
        self, cursor: AuditedCursor, start: int, end: int, operator: Operator, *, dry_run: bool = False
    ) -> Iterator[Step]:
        """Rebuild ``[start, end)`` of a partition, a step at a time; each is durable when it is yielded.

        Raises ``Recreated`` where the topic is not the ledger's, ``Unavailable`` where a service failed.
        """
        for first in range(start, end, STEP):
            last = min(first + STEP, end)
            with snapshot(self._engine) as store:
                rows = store.stored(cursor, first, last)
                done = [r for r in store.ranges(cursor) if r.state == "done" and r.start < last and r.end > first]
            judged = self._judge(cursor, first, last, rows)
            verdicts = {o: v for o, v in judged.items() if any(r.start <= o < r.end for r in done)}
            changes = compare(rows, verdicts)
            if changes and not dry_run:
                changes = apply(self._engine, cursor, (first, last), verdicts, operator)
                crashpoint("after_rebuild_step")
            yield Step(cursor.partition, first, last, changes)

    def stretches(
        self, identity: TopicIdentity, log_starts: dict[int, int], *, day: date | None, partition: int | None
    ) -> tuple[list[tuple[AuditedCursor, int, int]], int]:
        """What to rebuild: partition, first offset and the one behind the last; and how many the log no longer has.

        ``day``: only the offsets among which that UTC day lies. Earlier lives of the topic count as gone.
        """
        with snapshot(self._engine) as store:
            cursors = [c for c in store.cursors() if partition is None or c.partition == partition]
        found, missing = [], 0
        for cursor in cursors:
            extent = (cursor.origin, cursor.planned) if day is None else extent_of_day(self._engine, cursor, day)
            if extent is None:
                continue
            lives = (cursor.cluster_id, cursor.topic_id) == (identity.cluster_id, identity.topic_id)
            begin = max(extent[0], min(log_starts.get(cursor.partition, extent[1]), extent[1])) if lives else extent[1]
            missing += begin - extent[0]
            if begin < extent[1]:
                found.append((cursor, begin, extent[1]))
        return found, missing

    def _judge(self, cursor: AuditedCursor, start: int, end: int, rows: Stored) -> Verdicts:
        poison = {offset for offset, found in rows.rejects.items() if found[0].startswith("poison")}
        records = [record for record in self._records(cursor.partition, start, end) if record.offset not in poison]
        found = self._identity()
        if (found.cluster_id, found.topic_id) != (cursor.cluster_id, cursor.topic_id):
            raise Recreated(f"topic id {found.topic_id}, was {cursor.topic_id}")
        return {record.offset: self._verdict(record) for record in records}

    def _verdict(self, record: Record) -> OrderBookTick | Reject:
        verdict = self._validator.judge_one(record)
        return reject(record, verdict) if isinstance(verdict, Fault) else verdict

    def _records(self, partition: int, start: int, end: int) -> Iterator[Record]:
        while start < end:
            batch = self._fetcher.fetch(partition, start, end, self._limits, lambda: None)
            if batch.position == start:
                raise Unavailable(f"no progress at offset {start}")
            yield from batch.records
            start = batch.position
