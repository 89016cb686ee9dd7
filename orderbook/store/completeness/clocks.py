"""The clocks' skews in Postgres: of the ranges that were landed since the last look, all partitions at once."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from orderbook.store.database import translated

LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('orderbook clocks'))")
# one statement, so one snapshot: what is marked as seen is what was looked at
SMALLEST = text("""
    WITH due AS (
        SELECT c.generation_id, c.partition, c.committed, coalesce(k.seen, 0) AS start
        FROM partition_cursor c LEFT JOIN clock_cursor k USING (generation_id, partition)
        WHERE c.generation_id = (SELECT max(id) FROM topic_generation) AND c.committed > coalesce(k.seen, 0)
    ), marked AS (
        INSERT INTO clock_cursor (generation_id, partition, seen) SELECT generation_id, partition, committed FROM due
        ON CONFLICT (generation_id, partition) DO UPDATE SET seen = excluded.seen
    )
    SELECT s.key, min(s.value::bigint)
    FROM due JOIN offset_range r USING (generation_id, partition) CROSS JOIN jsonb_each_text(r.skews) s
    WHERE r.start_offset >= due.start AND r.end_offset <= due.committed
    GROUP BY s.key
""")
KNOWN = text("SELECT feed, skew_us, usual_us, off_passes FROM clock_skew WHERE feed = ANY(:feeds)")
KEEP = text("""
    INSERT INTO clock_skew (feed, skew_us, usual_us, off_passes, measured_at, stepped_at)
    VALUES (:feed, :skew, :usual, :off_passes, now(), CASE WHEN :stepped THEN now() END)
    ON CONFLICT (feed) DO UPDATE SET skew_us = excluded.skew_us, usual_us = excluded.usual_us,
        off_passes = excluded.off_passes, measured_at = excluded.measured_at,
        stepped_at = coalesce(excluded.stepped_at, clock_skew.stepped_at)
""")
ALARM = text("INSERT INTO alarm (kind, detail) VALUES ('clock_step', :detail)")
LIST = text("""
    SELECT feed, usual_us / 1e6, skew_us / 1e6, measured_at, stepped_at FROM clock_skew
    WHERE measured_at > now() - make_interval(secs => :seconds) ORDER BY feed
""")


@dataclass(frozen=True, slots=True)
class Skew:
    """What is known of a feed's clocks, in microseconds: the newest skew, and the one that steps are judged by."""

    feed: str
    skew: int
    usual: int
    off_passes: int


@dataclass(frozen=True, slots=True)
class Look:
    """One look. ``smallest``: each feed's smallest skew since the last one."""

    connection: Connection
    smallest: Mapping[str, int]
    known: Mapping[str, Skew]

    def keep(self, skews: Collection[Skew], stepped: Collection[str]) -> None:
        """Store what is known now."""
        rows = [
            {"feed": s.feed, "skew": s.skew, "usual": s.usual, "off_passes": s.off_passes,
             "stepped": s.feed in stepped}
            for s in skews
        ]  # fmt: skip
        if rows:
            self.connection.execute(KEEP, rows)

    def alarm(self, detail: str) -> None:
        """Raise an alarm, in the transaction of what it tells."""
        self.connection.execute(ALARM, {"detail": detail})


class ClockWatch:
    """The clocks in Postgres."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def looking(self, feed_of: Callable[[str], str]) -> Iterator[Look | None]:
        """A transaction over what is new, by the feed of each symbol; None where another process is at it.

        Raises ``Unavailable``.
        """
        with translated(), self._engine.begin() as connection:
            if not connection.execute(LOCK).scalar_one():
                yield None
                return
            smallest: dict[str, int] = {}
            for symbol, skew in connection.execute(SMALLEST):
                feed = feed_of(symbol)
                smallest[feed] = min(skew, smallest.get(feed, skew))
            rows = connection.execute(KNOWN, {"feeds": list(smallest)})
            yield Look(connection, smallest, {row[0]: Skew(*row) for row in rows})


@dataclass(frozen=True, slots=True)
class SkewRow:
    """A feed's clocks, in seconds: receive time less event time."""

    feed: str
    usual_seconds: float
    newest_seconds: float
    measured_at: datetime
    stepped_at: datetime | None


def list_skews(connection: Connection, within_seconds: float) -> list[SkewRow]:
    """The feeds that were measured within so many seconds."""
    rows = connection.execute(LIST, {"seconds": within_seconds})
    return [SkewRow(row[0], float(row[1]), float(row[2]), row[3], row[4]) for row in rows]
