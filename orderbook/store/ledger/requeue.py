"""Giving rejects a second chance, or none. Lock order as everywhere: range, then quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from orderbook.errors import Refused
from orderbook.store.database import translated
from orderbook.store.days import make_day, missing_days
from orderbook.store.journal import Operator, record
from orderbook.tick import FIELDS, OrderBookTick

MOST_AT_ONCE = 100_000
NEWEST = text("SELECT max(id) FROM topic_generation")
# A merged range may be wide, and its row is all that is locked.
LOCK_RANGE = text("""
    SELECT id FROM offset_range
    WHERE generation_id = :generation AND partition = :partition AND state = 'done'
      AND start_offset <= :offset AND end_offset > :offset
    FOR UPDATE
""")
LOCK_REJECT = text("""
    SELECT reason FROM quarantine
    WHERE generation_id = :generation AND kafka_partition = :partition AND kafka_offset = :offset
      AND resolution = 'open'
    FOR UPDATE
""")
STORE = text(f"""
    INSERT INTO ticks ({", ".join(FIELDS)}, generation_id, kafka_partition, kafka_offset)
    VALUES ({", ".join(f":{name}" for name in FIELDS)}, :generation, :partition, :offset)
""")  # noqa: S608 - the names are the tick's own
RESOLVE = text("""
    UPDATE quarantine SET resolution = :resolution
    WHERE generation_id = :generation AND kafka_partition = :partition AND kafka_offset = :offset
""")
OPEN = text("""
    SELECT generation_id, kafka_partition, kafka_offset, reason, broker_time, schema_version, key, value
    FROM quarantine
    WHERE resolution = 'open' AND value IS NOT NULL AND (CAST(:reason AS text) IS NULL OR reason = :reason)
      AND (CAST(:places AS text[]) IS NULL
           OR generation_id || '/' || kafka_partition || '/' || kafka_offset = ANY(CAST(:places AS text[])))
    ORDER BY generation_id, kafka_partition, kafka_offset LIMIT :most
""")
FILL = text("""
    INSERT INTO late_fill (generation_id, partition, kafka_offset, symbol, sequence_id)
    VALUES (:generation, :partition, :offset, :symbol, :sequence_id)
""")
COUNT_HOUR = text("""
    INSERT INTO symbol_hour (symbol, hour, ticks) VALUES (:symbol, date_trunc('hour', :event_time, 'UTC'), 1)
    ON CONFLICT (symbol, hour) DO UPDATE SET ticks = symbol_hour.ticks + 1
""")
COUNT_OVER = text("UPDATE offset_range SET n_bad = n_bad - 1, n_ok = n_ok + 1 WHERE id = :id AND n_bad > 0")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in the log."""

    generation: int | None  # None: the newest
    partition: int
    offset: int

    def within(self, newest: int) -> "Place":
        """The same place, its generation named."""
        return self if self.generation is not None else Place(newest, self.partition, self.offset)

    def __str__(self) -> str:
        return f"{self.generation}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class OpenReject:
    """A reject with all that judging it again takes."""

    place: Place
    reason: str
    broker_time: datetime | None
    version: bytes | None
    key: bytes | None
    value: bytes


def find_open(
    engine: Engine, *, reason: str | None, places: Sequence[Place] | None, most: int = MOST_AT_ONCE
) -> list[OpenReject]:
    """Open rejects that have their bytes, in log order: of one reason, or at given places.

    Raises ``Refused`` where a place that was named is not open.
    """
    with translated(), engine.begin() as connection:
        named = None if places is None else [place.within(_newest(connection)) for place in places]
        arguments = {"reason": reason, "places": None if named is None else [str(place) for place in named]}
        rows = connection.execute(OPEN, {**arguments, "most": most}).all()
    found = [
        OpenReject(Place(*row[:3]), row.reason, row.broker_time, *(_bytes(part) for part in row[5:])) for row in rows
    ]
    if missing := set(named or ()) - {reject.place for reject in found}:
        raise Refused(f"not open in quarantine, or without bytes: {', '.join(sorted(map(str, missing)))}")
    return found


def _newest(connection: Connection) -> int:
    return int(connection.execute(NEWEST).scalar_one() or 0)


def _bytes(part: memoryview | None) -> Any:
    return None if part is None else bytes(part)


def land_reject(engine: Engine, place: Place, tick: OrderBookTick, operator: Operator) -> None:
    """Store the tick of a reject under its own offset, and count it over; durable when this returns.

    The quarantine row and its bytes stay, resolved as ``landed``. Raises ``Refused`` where it is not open any more.
    """
    with translated(), engine.connect() as connection:
        for day in missing_days(connection, [tick.event_time.date()]):
            make_day(connection, day)
        with connection.begin():
            _land(connection, place, tick, operator)


def _land(connection: Connection, place: Place, tick: OrderBookTick, operator: Operator) -> None:
    arguments = _arguments(place)
    range_id = connection.execute(LOCK_RANGE, arguments).scalar_one_or_none()
    if range_id is None:
        raise Refused(f"{place} lies in no finished range")
    reason = _lock_reject(connection, place)
    values: dict[str, Any] = {name: getattr(tick, name) for name in FIELDS}
    for statement in (STORE, FILL, COUNT_HOUR):
        connection.execute(statement, {**arguments, **values})
    connection.execute(RESOLVE, {**arguments, "resolution": "landed"})
    assert connection.execute(COUNT_OVER, {"id": range_id}).rowcount == 1, f"range {range_id} counts no reject"
    _record(connection, operator, "requeue", place, reason)


def drop_reject(engine: Engine, place: Place, operator: Operator) -> None:
    """Resolve a reject as ``dropped``: it stays, with its bytes, and stays counted. Raises ``Refused``.

    Durable when this returns.
    """
    with translated(), engine.begin() as connection:
        reason = _lock_reject(connection, place)
        connection.execute(RESOLVE, {**_arguments(place), "resolution": "dropped"})
        _record(connection, operator, "drop", place, reason)


def _lock_reject(connection: Connection, place: Place) -> str:
    reason: str | None = connection.execute(LOCK_REJECT, _arguments(place)).scalar_one_or_none()
    if reason is None:
        raise Refused(f"{place} is not open in quarantine")
    return reason


def _arguments(place: Place) -> dict[str, int | None]:
    return {"generation": place.generation, "partition": place.partition, "offset": place.offset}


def _record(connection: Connection, operator: Operator, verb: str, place: Place, reason: str) -> None:
    record(
        connection,
        operator,
        verb,
        generation=place.generation,
        partition=place.partition,
        start=place.offset,
        end=place.offset + 1,
        detail=reason,
    )
