"""Giving rejects a second chance, or none. Lock order as everywhere: range, then quarantine."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from orderbook.errors import Refused
from orderbook.store.journal import Operator, record
from orderbook.tick import FIELDS, OrderBookTick

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
COUNT_OVER = text("UPDATE offset_range SET n_bad = n_bad - 1, n_ok = n_ok + 1 WHERE id = :id AND n_bad > 0")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in the log."""

    generation: int
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.generation}/{self.partition}/{self.offset}"


def land_reject(connection: Connection, place: Place, tick: OrderBookTick, operator: Operator) -> None:
    """Store the tick of a reject under its own offset, and count it over. Inside the caller's transaction.

    The quarantine row and its bytes stay, resolved as ``landed``. Raises ``Refused`` where it is not open any more.
    """
    arguments = _arguments(place)
    range_id = connection.execute(LOCK_RANGE, arguments).scalar_one_or_none()
    if range_id is None:
        raise Refused(f"{place} lies in no finished range")
    reason = _lock_reject(connection, place)
    values: dict[str, Any] = {name: getattr(tick, name) for name in FIELDS}
    connection.execute(STORE, {**arguments, **values})
    connection.execute(RESOLVE, {**arguments, "resolution": "landed"})
    assert connection.execute(COUNT_OVER, {"id": range_id}).rowcount == 1, f"range {range_id} counts no reject"
    _record(connection, operator, "requeue", place, reason)


def drop_reject(connection: Connection, place: Place, operator: Operator) -> None:
    """Resolve a reject as ``dropped``: it stays, with its bytes, and stays counted. Raises ``Refused``."""
    reason = _lock_reject(connection, place)
    connection.execute(RESOLVE, {**_arguments(place), "resolution": "dropped"})
    _record(connection, operator, "drop", place, reason)


def _lock_reject(connection: Connection, place: Place) -> str:
    reason: str | None = connection.execute(LOCK_REJECT, _arguments(place)).scalar_one_or_none()
    if reason is None:
        raise Refused(f"{place} is not open in quarantine")
    return reason


def _arguments(place: Place) -> dict[str, int]:
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
