"""What an operator does to one range: try it again now, or confirm that it is lost."""

from typing import Any

from sqlalchemy import Connection, Engine, text

from orderbook.errors import Refused
from orderbook.store.database import translated
from orderbook.store.journal import Operator, record

LOCK = text("""
    SELECT generation_id, partition, start_offset, end_offset, state, lease_until > now() AS held
    FROM offset_range WHERE id = :id FOR UPDATE SKIP LOCKED
""")
MAKE_DUE = text("""
    UPDATE offset_range
    SET not_before = now(), hinted_at = NULL, deaths = 0, halvings = 0,
        holder_pid = NULL, holder_start = NULL, lease_until = NULL
    WHERE id = :id AND state = 'planned'
""")
CONFIRM = text("""
    UPDATE alarm SET acknowledged_by = :by, acknowledged_at = now()
    WHERE kind = 'lost' AND generation_id = :generation AND partition = :partition AND acknowledged_at IS NULL
      AND start_offset < :end AND end_offset > :start
""")


def retry(engine: Engine, range_id: int, by: Operator) -> None:
    """Make an open range due at once, its deaths forgotten. Raises ``Refused`` where it is finished or being worked on.

    Durable when this returns; the next pass of a drainer hints it.
    """
    with translated(), engine.begin() as connection:
        found = _locked(connection, range_id)
        if found["state"] != "planned":
            raise Refused(f"range {range_id} is {found['state']}: only an open one can be tried again")
        if found["held"]:
            raise Refused(f"a worker has range {range_id}: it will finish it, or lose it when its lease ends")
        connection.execute(MAKE_DUE, {"id": range_id})
        record(connection, by, "retry", **_place(found))


def confirm_lost(engine: Engine, range_id: int, by: Operator) -> int:
    """Note that an operator knows of a lost range; returns how many alarms that ends. Raises ``Refused``."""
    with translated(), engine.begin() as connection:
        found = _locked(connection, range_id)
        if found["state"] != "lost":
            raise Refused(f"range {range_id} is {found['state']}, not lost")
        ended = connection.execute(CONFIRM, {**_place(found), "by": by.name}).rowcount
        record(connection, by, "confirm", **_place(found))
        return ended


def _locked(connection: Connection, range_id: int) -> dict[str, Any]:
    row = connection.execute(LOCK, {"id": range_id}).mappings().one_or_none()
    if row is None:
        raise Refused(f"there is no range {range_id}, or it is being landed just now")
    return dict(row)


def _place(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "generation": found["generation_id"],
        "partition": found["partition"],
        "start": found["start_offset"],
        "end": found["end_offset"],
    }
