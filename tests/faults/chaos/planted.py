"""Bugs that the oracle must catch: each is a plausible wrong version of one statement of the product."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg2
import pyarrow as pa
from sqlalchemy import text

from orderbook.config import settings
from orderbook.store.database import translated
from orderbook.store.ledger import claims, landing, partition_ledger
from orderbook.store.ledger.claims import Claim
from orderbook.store.ledger.landing import Landing
from orderbook.store.rows.encoding import copy_input


def _without(statement: Any, *parts: str) -> Any:
    told = str(statement)
    for part in parts:
        assert part in told, f"the product no longer says {part!r}"
        told = told.replace(part, "")
    return text(told)


def no_cursor_lock() -> None:
    """Two drainers plan one partition at a time, as they would without a lock."""
    partition_ledger.LOCK_CURSOR = _without(partition_ledger.LOCK_CURSOR, "FOR NO KEY UPDATE SKIP LOCKED")
    real = partition_ledger.PartitionLedger.open_ranges

    def slow_open_ranges(self: partition_ledger.PartitionLedger) -> Any:
        time.sleep(0.01)  # what a loaded machine does by itself
        return real(self)

    partition_ledger.PartitionLedger.open_ranges = slow_open_ranges  # type: ignore[method-assign]


def check_then_act() -> None:
    """A worker asks for the state before it lands, holding nothing: neither the row's lock nor its own name in it."""
    mine = "AND holder_pid = :pid AND holder_start = :started AND state = 'planned'"
    landing.LOCK_MINE = _without(landing.LOCK_MINE, mine, "FOR UPDATE NOWAIT")
    landing.FINISH = _without(landing.FINISH, "AND state = 'planned'")
    claims.RENEW = _without(claims.RENEW, mine)
    claims.READ_RANGE = _without(claims.READ_RANGE, "FOR UPDATE OF r SKIP LOCKED")
    partition_ledger.END_OVERDUE_HOLDERS = _without(
        partition_ledger.END_OVERDUE_HOLDERS, ", pg_terminate_backend(a.pid)"
    )


def on_conflict_do_nothing() -> None:
    """Rows land first, in a transaction of their own; should they come again, the conflict is ignored."""

    def copy(self: Landing, connection: Any, table: str, rows: Any, claim: Claim) -> None:
        if rows.num_rows == 0:
            return
        placed = rows.append_column("generation_id", pa.repeat(pa.scalar(claim.generation, pa.int16()), rows.num_rows))
        placed = placed.append_column(
            "kafka_partition", pa.repeat(pa.scalar(claim.partition, pa.int32()), rows.num_rows)
        )
        options, source = copy_input(placed, binary=self._binary)
        columns = ", ".join(placed.column_names)
        url = settings().database.url.get_secret_value().replace("+psycopg2", "")
        with translated(), closing(psycopg2.connect(url)) as own, own, own.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {columns} FROM {table} LIMIT 0")
            cursor.copy_expert(f"COPY staged ({columns}) FROM STDIN ({options})", source)
            cursor.execute(f"INSERT INTO {table} ({columns}) SELECT * FROM staged ON CONFLICT DO NOTHING")

    Landing._copy = copy  # type: ignore[method-assign]


PLANTED: dict[str, Callable[[], None]] = {
    "no_cursor_lock": no_cursor_lock,
    "check_then_act": check_then_act,
    "on_conflict_do_nothing": on_conflict_do_nothing,
}


def plant(name: str) -> None:
    """Change this process and its children."""
    PLANTED[name]()
