"""The landing: ticks, rejects and the ledger's entry of one range, in one transaction.

After its COMMIT, and only then, the range is done; before it nothing of the range is visible.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final, NamedTuple

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from orderbook import metrics
from orderbook.clock import monotonic
from orderbook.crashpoints import crashpoint
from orderbook.errors import NotOurs
from orderbook.store.database import ROW, UNIQUE_VIOLATION, constraint_of, sqlstate, translated
from orderbook.store.ledger import breaker
from orderbook.store.ledger.claims import Claim, Session
from orderbook.store.ledger.partition_ledger import PartitionLedger
from orderbook.store.ledger.rejects import Reject, quarantine_rows
from orderbook.store.rows.copy_in import copy_in
from orderbook.store.rows.copy_out import EXACT, INSTANT
from orderbook.store.rows.encoding import BINARY_AVAILABLE

TICKS: Final = pa.schema(
    [
        ("symbol", pa.string()),
        ("event_time", INSTANT),
        ("received_time", INSTANT),
        ("bid_price", EXACT),
        ("ask_price", EXACT),
        ("bid_volume", EXACT),
        ("ask_volume", EXACT),
        ("sequence_id", pa.int64()),
        ("kafka_offset", pa.int64()),
    ]
)


class Summary(NamedTuple):
    """What the ledger keeps of a range's ticks, as JSON."""

    sequences: str  # array of ``sequence.SymbolSummary``
    skews: str  # object: the smallest receive time less event time of each symbol, in microseconds


Summarise = Callable[[pa.Table], Summary]  # of ticks as ``TICKS``


@dataclass(frozen=True, slots=True)
class Load:
    """What a range holds, from its start up to ``position``."""

    ticks: pa.Table  # columns as ``TICKS``
    rejects: Sequence[Reject]
    gaps: int  # offsets without a record
    position: int
    refuse: Callable[[int, str], Reject]  # makes a reject, with its bytes, of the offset of a row that Postgres refuses
    summarise: Summarise  # of those of the ticks that are stored
    fetched: float  # when its records had come from the log, by this process' monotonic clock


LOCK_MINE = text("""
    SELECT start_offset, end_offset FROM offset_range
    WHERE id = :id AND holder_pid = :pid AND holder_start = :started AND state = 'planned'
    FOR UPDATE NOWAIT
""")
END_EARLIER = text("UPDATE offset_range SET end_offset = :position WHERE id = :id RETURNING leader_epoch")
FINISH = text("""
    UPDATE offset_range
    SET state = 'done', n_ok = :ok, n_bad = :bad, n_gap = :gaps, code_version = :version, done_at = clock_timestamp(),
        fetched_at = clock_timestamp() - make_interval(secs => :seconds_ago), summary = CAST(:sequences AS jsonb),
        skews = CAST(:skews AS jsonb), holder_pid = NULL, holder_start = NULL, lease_until = NULL
    WHERE id = :id AND state = 'planned'
""")

CODE_VERSION: Final = version("orderbook")


class Landing:
    """Lands the ranges of one process. ``expect_gaps``: the log is compacted or written in transactions."""

    def __init__(
        self,
        *,
        expect_gaps: bool,
        breaker_policy: breaker.BreakerPolicy = breaker.BreakerPolicy(),  # noqa: B008 - frozen
        binary: bool = BINARY_AVAILABLE,
    ) -> None:
        self._breaker = breaker_policy
        self._expect_gaps = expect_gaps
        self._binary = binary

    def land(self, session: Session, claim: Claim, load: Load) -> tuple[int, list[Reject]]:
        """Store the load and finish the range, in one transaction: durable when this returns.

        Where the load ends before the range, the rest becomes a range of its own. Returns the number of good rows and
        the rows that Postgres refused, which are in quarantine with the rejects. Raises ``NotOurs`` where another has
        the range, ``Halt`` where too much is rejected, ``TripWire`` where an offset is stored already, ``Unavailable``
        where Postgres failed.
        """
        connection = session.connection
        summary = load.summarise(load.ticks)
        began = monotonic()
        with translated(), connection.begin():
            self._lock(session, claim)
            breaker.check(
                connection,
                self._breaker,
                generation=claim.generation,
                partition=claim.partition,
                start=claim.start,
                ok=load.ticks.num_rows,
                bad=len(load.rejects),
            )
            refused: list[Reject] = []
            stored = self._copy_ticks(connection, claim, by_symbol(load.ticks), load.refuse, refused)
            rejects = [*load.rejects, *refused]
            for rows in quarantine_rows(rejects):
                self._copy(connection, "quarantine", rows, claim)
            crashpoint("after_copy")
            if refused:
                summary = load.summarise(rows_without(load.ticks, refused))
            counts = {"ok": stored, "bad": len(rejects), "gaps": load.gaps}
            self._finish(connection, claim, load, counts, summary)
            crashpoint("before_commit")
            copied = monotonic()
        crashpoint("after_commit")
        metrics.INGEST_DURATION.observe(copied - began, "copy")
        metrics.INGEST_DURATION.observe(monotonic() - copied, "commit")
        return stored, refused

    def _lock(self, session: Session, claim: Claim) -> None:
        arguments = {"id": claim.id, "pid": session.holder.pid, "started": session.holder.started}
        row = session.connection.execute(LOCK_MINE, arguments).one_or_none()
        if row is None or tuple(row) != (claim.start, claim.end):
            raise NotOurs(f"range {claim.id} was taken over or changed")

    def _copy_ticks(
        self,
        connection: Connection,
        claim: Claim,
        rows: pa.Table,
        refuse: Callable[[int, str], Reject],
        refused: list[Reject],
    ) -> int:
        """Copy what Postgres takes, halving around what it refuses; an error's text is never read for the row."""
        if rows.num_rows == 0:
            return 0
        try:
            with connection.begin_nested():
                self._copy(connection, "ticks", rows, claim)
        except psycopg2.Error as error:
            if not _is_of_a_row(error):
                raise
            if rows.num_rows == 1:
                refused.append(refuse(rows.column("kafka_offset")[0].as_py(), str(error).strip()))
                return 0
            half = rows.num_rows // 2
            first = self._copy_ticks(connection, claim, rows.slice(0, half), refuse, refused)
            return first + self._copy_ticks(connection, claim, rows.slice(half), refuse, refused)
        return int(rows.num_rows)

    def _copy(self, connection: Connection, table: str, rows: pa.Table, claim: Claim) -> None:
        if rows.num_rows == 0:
            return
        count = rows.num_rows
        placed = rows.append_column("generation_id", pa.repeat(pa.scalar(claim.generation, pa.int16()), count))
        placed = placed.append_column("kafka_partition", pa.repeat(pa.scalar(claim.partition, pa.int32()), count))
        copy_in(connection, table, placed, binary=self._binary)

    def _finish(
        self, connection: Connection, claim: Claim, load: Load, counts: dict[str, int], summary: Summary
    ) -> None:
        ledger = PartitionLedger(connection, claim.generation, claim.partition)
        if load.position < claim.end:
            epoch = connection.execute(END_EARLIER, {"id": claim.id, "position": load.position}).scalar_one()
            ledger.add(load.position, claim.end, epoch=epoch)
        told = {"version": CODE_VERSION, **summary._asdict(), "seconds_ago": monotonic() - load.fetched}
        finished = connection.execute(FINISH, {"id": claim.id, **told, **counts})
        assert finished.rowcount == 1, f"range {claim.id} went away under its lock"
        if load.gaps and not self._expect_gaps:
            ledger.alarm("gap", f"{load.gaps} offsets hold no record", claim.start, load.position)


def by_symbol(ticks: pa.Table) -> pa.Table:
    """The ticks of each symbol together, else in their order: the index takes them leaf after leaf.

    That is a twelfth of Postgres' CPU for a COPY, and a reader of one symbol finds its rows side by side.
    """
    symbols = ticks["symbol"].combine_chunks().dictionary_encode().indices.to_numpy()
    most = symbols.max(initial=0)
    return ticks if most == 0 else ticks.take(symbols.astype(np.min_scalar_type(most)).argsort(kind="stable"))


def _is_of_a_row(error: psycopg2.Error) -> bool:
    code = sqlstate(error) or ""
    if code[:2] not in ROW or code == UNIQUE_VIOLATION:
        return False
    # a missing partition is a check violation without a constraint: the environment's, never the row's
    return code[:2] == "22" or constraint_of(error) is not None or code == "23502"


def rows_without(ticks: pa.Table, refused: Sequence[Reject]) -> pa.Table:
    """The ticks less those that were refused."""
    if not refused:
        return ticks
    offsets = pa.array([reject.offset for reject in refused], pa.int64())
    return ticks.filter(pc.invert(pc.is_in(ticks["kafka_offset"], offsets)))
