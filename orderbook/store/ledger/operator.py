"""What an operator does to the ledger. Lock order as everywhere: cursor, range, quarantine.

Nothing here asks Kafka: what the cluster says of the topic comes as an argument.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine, text

from orderbook.errors import Refused
from orderbook.sections import DatabaseSettings
from orderbook.store.database import engine_for, told_of_schema, translated
from orderbook.store.journal import Operator, record
from orderbook.store.ledger.ledger import NEWEST_GENERATION, ONE_ADOPTER, Generation, add_generation
from orderbook.store.ledger.partition_ledger import OpenRange, PartitionLedger

log = structlog.get_logger(__name__)

TRANSACTION_SECONDS = 10.0
_ABOVE_ALL = 2**63 - 1  # no offset is: a log that begins there has lost everything

LOCK_CURSORS = text("""
    SELECT partition, halted_reason FROM partition_cursor WHERE generation_id = :generation
    ORDER BY partition FOR NO KEY UPDATE
""")
RESUME = text("""
    UPDATE partition_cursor
    SET halted_reason = NULL, low_passes = 0, accept_below = CASE WHEN :accept THEN planned ELSE accept_below END
    WHERE generation_id = :generation AND partition = :partition
""")
# The log as it is now is accepted: the next range's epoch is compared with nothing.
FORGET_EPOCH = text("""
    UPDATE offset_range SET leader_epoch = NULL, holder_pid = NULL, holder_start = NULL, lease_until = NULL
    WHERE generation_id = :generation AND partition = :partition AND end_offset =
        (SELECT planned FROM partition_cursor WHERE generation_id = :generation AND partition = :partition)
""")
ACKNOWLEDGE = text("""
    UPDATE alarm SET acknowledged_by = :by, acknowledged_at = now()
    WHERE generation_id = :generation AND partition = :partition AND kind = :kind AND acknowledged_at IS NULL
""")
UNFINISHED = text("""
    SELECT generation_id, partition FROM partition_cursor
    WHERE generation_id < (SELECT max(id) FROM topic_generation) AND committed < planned
    ORDER BY generation_id, partition
""")
LOCK_PLANNED = text("""
    SELECT planned FROM partition_cursor WHERE generation_id = :generation AND partition = :partition
    FOR NO KEY UPDATE
""")
LAST_LEASE = text("""
    SELECT max(lease_until) FROM offset_range
    WHERE generation_id = :generation AND partition = :partition AND state = 'planned'
""")


@dataclass(frozen=True, slots=True)
class Held:
    """Ranges of an old life of the topic that a worker still has, so they could not be given up yet."""

    generation: int
    partition: int
    ranges: int
    until: datetime | None  # the last lease; None where a row lock outlives it


@contextmanager
def operator_engine(database: DatabaseSettings) -> Iterator[Engine]:
    """Connections of the ledger's writing role. Postgres ends a transaction that lasts, with its locks."""
    engine = engine_for(database, "ingest", name="orderbook-operator", transaction_seconds=TRANSACTION_SECONDS)
    try:
        with told_of_schema():
            yield engine
    finally:
        engine.dispose()


def resume(engine: Engine, partitions: Sequence[int] | None, by: Operator, *, accept: bool = False) -> dict[int, str]:
    """Let halted partitions go on (None: all of them); returns which, with the reason each had.

    One transaction; durable when this returns. The alarms of these halts are acknowledged by ``by``. ``accept`` lets
    all that is planned into quarantine, however much of it is rejected; the breaker counts from there on. A partition
    that is not halted is left alone. Raises ``Refused``, with nothing changed, for a partition that there is not and
    for one whose topic was re-created.
    """
    with translated(), engine.begin() as connection:
        generation = _newest(connection)
        halted = _halted(connection, generation.id, partitions)
        if recreated := [number for number, reason in halted.items() if reason == "recreated"]:
            raise Refused(
                f"the topic was re-created, so its offsets mean other records now (partitions {_named(recreated)}): "
                "`orderbook ranges resume --new-generation` adopts the new topic, and what was still open in the old "
                "one becomes `lost`"
            )
        _let_go_on(connection, generation.id, halted, by, accept=accept)
        return halted


def adopt(
    engine: Engine, *, cluster_id: str, topic: str, topic_id: str, origins: dict[int, int], by: Operator
) -> dict[int, str]:
    """Read the topic that Kafka has now, from ``origins`` on; returns the partitions that were halted, with reasons.

    The old life of the topic is halted in the same transaction, so no worker takes a range of it any more; give up what
    it left open by ``give_up_older``. Where Kafka's topic is the one that the ledger reads already, only the halts
    end. Durable when this returns. Raises ``Refused`` where that topic was read in an earlier life.
    """
    with translated(), engine.begin() as connection:
        connection.execute(ONE_ADOPTER)
        newest = _newest(connection)
        halted = _halted(connection, newest.id, None)
        if (newest.cluster_id, newest.topic_id) == (cluster_id, topic_id):
            _let_go_on(connection, newest.id, halted, by)
            return halted
        for partition in sorted(_cursors(connection, newest.id)):
            PartitionLedger(connection, newest.id, partition).halt("recreated", f"replaced by topic id {topic_id}")
            _acknowledge(connection, newest.id, partition, "recreated", by)
        if add_generation(connection, cluster_id, topic, topic_id, origins) is None:
            raise Refused(f"topic id {topic_id} was read in an earlier life and given up: its ranges are lost")
        record(connection, by, "adopt", generation=newest.id, detail=f"topic id {topic_id}")
    log.warning("topic adopted", topic=topic, topic_id=topic_id, origins=origins)
    return halted


def give_up_older(engine: Engine) -> list[Held]:
    """Mark as ``lost``, with an alarm, what is open in older lives of the topic, and move their prefixes over it.

    A transaction per partition. Ranges under a live lease, or locked by a landing, are left and returned: call again
    when they are free. A landing that outlives its lease is ended first, as the drainer would.
    """
    with translated(), engine.begin() as connection:
        places = [(row.generation_id, row.partition) for row in connection.execute(UNFINISHED)]
    held = []
    for generation, partition in places:
        with translated(), engine.begin() as connection:
            left = _give_up(connection, generation, partition)
        if left is not None:
            held.append(left)
    return held


def _give_up(connection: Connection, generation: int, partition: int) -> Held | None:
    place = {"generation": generation, "partition": partition}
    ledger = PartitionLedger(connection, generation, partition)
    planned: int = connection.execute(LOCK_PLANNED, place).scalar_one()
    ledger.end_overdue_holders()
    for start, end in _joined([ledger.lose(free, _ABOVE_ALL) for free in ledger.free_ranges_below(_ABOVE_ALL)]):
        ledger.alarm("lost", "the topic was re-created", start, end)
        log.error("offsets lost", generation=generation, partition=partition, start=start, end=end)
    left: list[OpenRange] = ledger.open_ranges()
    ledger.move_cursor(planned, left[0].start if left else planned)
    if not left:
        return None
    return Held(generation, partition, len(left), connection.execute(LAST_LEASE, place).scalar_one())


def _joined(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _newest(connection: Connection) -> Generation:
    row = connection.execute(NEWEST_GENERATION).one_or_none()
    if row is None:
        raise Refused("the ledger is empty: no drainer has run yet")
    return Generation(*row)


def _cursors(connection: Connection, generation: int) -> dict[int, str | None]:
    return {row[0]: row[1] for row in connection.execute(LOCK_CURSORS, {"generation": generation})}


def _halted(connection: Connection, generation: int, partitions: Sequence[int] | None) -> dict[int, str]:
    cursors = _cursors(connection, generation)
    if unknown := sorted(set(partitions or ()) - set(cursors)):
        raise Refused(f"there is no partition {_named(unknown)} (there are {_named(sorted(cursors))})")
    wanted = cursors if partitions is None else partitions
    return {number: reason for number in sorted(wanted) if (reason := cursors[number]) is not None}


def _let_go_on(
    connection: Connection, generation: int, halted: dict[int, str], by: Operator, *, accept: bool = False
) -> None:
    for partition, reason in halted.items():
        place = {"generation": generation, "partition": partition}
        connection.execute(RESUME, {**place, "accept": accept})
        record(connection, by, "accept" if accept else "resume", **place, detail=reason)
        if reason == "truncated":
            connection.execute(FORGET_EPOCH, place)
        _acknowledge(connection, generation, partition, reason, by)


def _acknowledge(connection: Connection, generation: int, partition: int, kind: str, by: Operator) -> None:
    arguments = {"generation": generation, "partition": partition, "kind": kind, "by": by.name}
    connection.execute(ACKNOWLEDGE, arguments)


def _named(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)
