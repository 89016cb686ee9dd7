"""Ticks made anew from the log by the rules of now, as a clean ingest would have made them.

In steps of some thousand offsets. Each reads the log and judges it, outside of any transaction; then one transaction
locks the finished ranges of the step, compares their rows with the verdicts, and writes what differs
(``store/rebuild/rebuild.py`` says what, ``store/rebuild/corrections.py`` writes it).

* A reader sees a step before or after, never between; each offset is in one place throughout, and the ledger's counts
  go with the rows, so the audit balances at every moment. The deep audit names what is not rebuilt yet.
* Killed anywhere, the steps that were committed are done, and the next run finds no difference there.
* What lands meanwhile is not touched: an open range is no range of the step. Workers have the new rules first, or what
  they land is left for the next run. Requeue and merge lock the same ranges; freezing waits.
* Nothing is thrown away: a tick that goes is kept in `withdrawn_tick`, its record's bytes go into quarantine, and
  `operator_action` says who did it and why; both only grow. Its id opens a gap.
* What the log no longer has is left out, or judged by its stored values where that is asked for: a tick that is none
  by the rules of now goes, as its values were stored. Its age is not judged, and what quarantine keeps is for
  `orderbook quarantine requeue`. Archived rows are counted and told: restore their day first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine

from orderbook.crashpoints import crashpoint
from orderbook.errors import Recreated
from orderbook.ingest.validator import Validator, reject
from orderbook.profiles import Fault, Profiles
from orderbook.store.journal import Operator
from orderbook.store.ledger.recount import AuditedCursor, Stored, snapshot
from orderbook.store.ledger.rejects import Reject
from orderbook.store.rebuild.corrections import apply
from orderbook.store.rebuild.rebuild import Changes, Verdicts, compare, extent_of_day
from orderbook.stream.batch import FetchLimits, RangeFetcher, read_all
from orderbook.stream.records import Record
from orderbook.stream.topics import TopicIdentity
from orderbook.tick import FIELDS, OrderBookTick, encode

STEP = 2_000  # offsets; all of them wrong, their transaction stays far below the operator's limit of 10 s


@dataclass(frozen=True, slots=True)
class Part:
    """Offsets ``[start, end)`` of a partition, which the log has, or has no longer."""

    cursor: AuditedCursor
    start: int
    end: int
    in_log: bool


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
        *,
        profiles: Profiles,
        identity: Callable[[], TopicIdentity],
    ) -> None:
        self._engine = engine
        self._fetcher = fetcher
        self._profiles = profiles
        self._validator = validator
        self._limits = limits
        self._identity = identity

    def run(self, part: Part, operator: Operator, *, dry_run: bool = False) -> Iterator[Step]:
        """Rebuild a part, a step at a time; each is durable when it is yielded.

        Raises ``Recreated`` where the topic is not the ledger's, ``Unavailable`` where a service failed.
        """
        cursor = part.cursor
        for first in range(part.start, part.end, STEP):
            last = min(first + STEP, part.end)
            with snapshot(self._engine) as store:
                rows = store.stored(cursor, first, last)
                done = [r for r in store.ranges(cursor) if r.state == "done" and r.start < last and r.end > first]
            judged = self._judge(cursor, first, last, rows) if part.in_log else self._judge_stored(rows)
            verdicts = {o: v for o, v in judged.items() if any(r.start <= o < r.end for r in done)}
            changes = compare(rows, verdicts)
            if changes and not dry_run:
                changes = apply(self._engine, cursor, (first, last), verdicts, operator, counts_ids=self._counts_ids)
                crashpoint("after_rebuild_step")
            yield Step(cursor.partition, first, last, changes)

    def parts(
        self, identity: TopicIdentity, log_starts: dict[int, int], *, day: date | None, partition: int | None
    ) -> list[Part]:
        """What there is to rebuild, what the log no longer has apart. Of earlier lives of the topic it has nothing.

        ``day``: only the offsets among which that UTC day lies.
        """
        with snapshot(self._engine) as store:
            cursors = [c for c in store.cursors() if partition is None or c.partition == partition]
        found = []
        for cursor in cursors:
            extent = (cursor.origin, cursor.planned) if day is None else extent_of_day(self._engine, cursor, day)
            if extent is None:
                continue
            lives = (cursor.cluster_id, cursor.topic_id) == (identity.cluster_id, identity.topic_id)
            begin = max(extent[0], min(log_starts.get(cursor.partition, extent[1]), extent[1])) if lives else extent[1]
            found += [Part(cursor, extent[0], begin, in_log=False), Part(cursor, begin, extent[1], in_log=True)]
        return [part for part in found if part.start < part.end]

    def _judge(self, cursor: AuditedCursor, start: int, end: int, rows: Stored) -> Verdicts:
        poison = {offset for offset, found in rows.rejects.items() if found[0].startswith("poison")}
        read = read_all(self._fetcher, cursor.partition, start, end, self._limits)
        records = [record for record in read if record.offset not in poison]
        found = self._identity()
        if (found.cluster_id, found.topic_id) != (cursor.cluster_id, cursor.topic_id):
            raise Recreated(f"topic id {found.topic_id}, was {cursor.topic_id}")
        return {record.offset: self._verdict(record) for record in records}

    def _judge_stored(self, rows: Stored) -> Verdicts:
        return {o: self._verdict(as_record(o, tick), "by its stored values: ") for o, tick in rows.ticks.items()}

    def _verdict(self, record: Record, told: str = "") -> OrderBookTick | Reject:
        verdict = self._validator.judge_one(record)
        if isinstance(verdict, Fault):
            return reject(record, verdict._replace(detail=told + verdict.detail))
        return verdict

    def _counts_ids(self, symbol: str) -> bool:
        return self._profiles.of(symbol).sequence == "+1"


def as_record(offset: int, values: Sequence[Any]) -> Record:
    """The record that a stored tick would have come from, without a broker's time."""
    tick = OrderBookTick.model_construct(None, **dict(zip(FIELDS, values, strict=True)))
    return Record(offset, -1, tick.symbol.encode(), encode(tick), None)
