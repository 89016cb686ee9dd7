"""The worker's side of the ledger: take a range, keep it, give it back. One connection from the taking to the landing.

The row is the lock: whoever changes a range does so under a condition that names its holder, so a worker that was
stopped and comes back changes nothing.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine, TextClause, text

from orderbook.errors import NotOurs, Unavailable
from orderbook.store.database import Backend, backend_of, translated
from orderbook.store.ledger.partition_ledger import IS_FREE, PartitionLedger

log = structlog.get_logger(__name__)

BACKOFF_SECONDS = (0.5, 2.0)  # with jitter: an outage's workers do not come back all at once
GIVE_BACK_PAUSE_SECONDS = 0.5

# SKIP LOCKED: a row lock means that somebody is landing it, or that a stopped process will be ended by the drainer
_READ_FREE = f"""
    SELECT r.id, r.generation_id, r.partition, r.start_offset, r.end_offset, r.deaths, r.halvings,
           g.cluster_id, g.topic_id
    FROM offset_range r
    JOIN partition_cursor c USING (generation_id, partition)
    JOIN topic_generation g ON g.id = r.generation_id
    WHERE {{which}} AND r.state = 'planned' AND c.halted_reason IS NULL
      AND {IS_FREE}
    FOR UPDATE OF r SKIP LOCKED
"""  # noqa: S608 - a constant of ours
READ_RANGE = text(_READ_FREE.format(which="r.id = :id"))
READ_FOLLOWING = text(
    _READ_FREE.format(which="r.generation_id = :generation AND r.partition = :partition AND r.start_offset = :position")
)
TAKE = text("""
    UPDATE offset_range
    SET lease_until = now() + make_interval(secs => :lease_seconds), deaths = deaths + 1,
        holder_pid = :pid, holder_start = :started
    WHERE id = :id
""")
# A renewal need not outlive Postgres itself: no wait for its disk. What is committed after it makes it durable.
RENEW = text("""
    UPDATE offset_range SET lease_until = now() + make_interval(secs => :lease_seconds)
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS hurried
    WHERE id = :id AND holder_pid = :pid AND holder_start = :started AND state = 'planned'
""")
NO_WAITING = text("SET LOCAL lock_timeout = '100ms'")
GIVE_BACK = text("""
    UPDATE offset_range
    SET holder_pid = NULL, holder_start = NULL, lease_until = NULL,
        not_before = now() + make_interval(secs => :backoff_seconds),
        deaths = greatest(deaths - :refund, 0), halvings = least(halvings + :halve, 30)
    WHERE id = :id AND holder_pid = :pid AND holder_start = :started AND state = 'planned'
""")


@dataclass(frozen=True, slots=True)
class Claim:
    """A range that is ours until its lease ends."""

    id: int
    generation: int
    partition: int
    start: int
    end: int
    deaths: int  # attempts before this one that ended without a word
    halvings: int
    cluster_id: str
    topic_id: str

    @property
    def wanted_end(self) -> int:
        """Where to stop reading: after attempts that ran out of time, half as far each."""
        return self.start + max(1, (self.end - self.start) >> self.halvings)


class Claims:
    """Takes ranges for one worker process. Make one per process, after the fork."""

    def __init__(self, engine: Engine, lease_seconds: float) -> None:
        self._engine = engine
        self.lease_seconds = lease_seconds

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """One pinned connection, for an attempt at a range and those that follow. Raises ``Unavailable``."""
        with translated():
            connection = self._engine.connect()
        try:
            yield Session(connection, self.lease_seconds)
        finally:
            connection.close()

    def give_back(self, range_id: int, holder: Backend, *, environment: bool, halve: bool) -> None:
        """Let others have the range, if it is still ours; tries for up to two leases, then leaves it to run out.

        ``environment`` takes the attempt's death back: an outage never counts against a range. ``halve`` makes the next
        attempt read half as much. Safe after a COMMIT whose answer was lost: a landed range is not ``planned``.
        """
        arguments = {
            "id": range_id,
            "pid": holder.pid,
            "started": holder.started,
            "backoff_seconds": random.uniform(*BACKOFF_SECONDS),
            "refund": int(environment),
            "halve": int(halve),
        }
        deadline = time.monotonic() + 2 * self.lease_seconds
        while True:
            try:
                with translated(), self._engine.begin() as connection:
                    connection.execute(NO_WAITING)
                    connection.execute(GIVE_BACK, arguments)
            except Unavailable as error:
                if time.monotonic() > deadline:
                    log.warning("lease left to run out", range_id=range_id, error=str(error))
                    return
                time.sleep(GIVE_BACK_PAUSE_SECONDS)
            else:
                return

    def halt(self, claim: Claim, reason: str, detail: str) -> None:
        """Stop the claim's partition until an operator resumes it, with an alarm."""
        with translated(), self._engine.begin() as connection:
            PartitionLedger(connection, claim.generation, claim.partition).halt(reason, detail)


class Session:
    """A connection to the ledger. Each range that is taken belongs to this very connection."""

    def __init__(self, connection: Connection, lease_seconds: float) -> None:
        self.connection = connection
        self.holder = backend_of(connection)
        self._lease_seconds = lease_seconds

    def claim(self, range_id: int) -> Claim | None:
        """Take the range; None where it is busy, finished, halted or not due. Durable when this returns."""
        return self._claim(READ_RANGE, {"id": range_id})

    def claim_following(self, claim: Claim, position: int) -> Claim | None:
        """Take the range that begins at ``position`` in the same partition, as ``claim`` does."""
        place = {"generation": claim.generation, "partition": claim.partition, "position": position}
        return self._claim(READ_FOLLOWING, place)

    def _claim(self, read: TextClause, arguments: dict[str, int]) -> Claim | None:
        with translated(), self.connection.begin():
            row = self.connection.execute(read, arguments).one_or_none()
            if row is None:
                return None
            self.connection.execute(TAKE, {**self._mine(row.id), "lease_seconds": self._lease_seconds})
        return Claim(*row)

    def renew(self, claim: Claim, seconds: float | None = None) -> None:
        """Keep the range for ``seconds`` more, counted from now. Raises ``NotOurs`` where another has it."""
        seconds = self._lease_seconds if seconds is None else seconds
        with translated(), self.connection.begin():
            found = self.connection.execute(RENEW, {**self._mine(claim.id), "lease_seconds": seconds}).rowcount
        if found != 1:
            raise NotOurs(f"range {claim.id} was taken over")

    def renewing(self, claim: Claim) -> Callable[[], None]:
        """A function to call often while the claim is worked on: it renews the lease each quarter of it."""
        last = time.monotonic()

        def renew() -> None:
            nonlocal last
            if time.monotonic() - last > self._lease_seconds / 4:
                self.renew(claim)
                last = time.monotonic()

        return renew

    def _mine(self, range_id: int) -> dict[str, object]:
        return {"id": range_id, "pid": self.holder.pid, "started": self.holder.started}
