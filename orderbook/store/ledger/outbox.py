"""Rejects that wait to be relayed to the topic of dead letters. Landing a range never waits for that topic."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Engine, text

from orderbook.store.database import translated

UNSENT = text("""
    SELECT q.generation_id, q.kafka_partition, q.kafka_offset, g.topic, q.reason, q.field, q.detail, q.schema_version,
           q.key, q.value
    FROM quarantine q JOIN topic_generation g ON g.id = q.generation_id
    WHERE q.relayed_at IS NULL ORDER BY q.landed_at LIMIT :most
    FOR UPDATE OF q SKIP LOCKED
""")
SENT = text("""
    UPDATE quarantine q SET relayed_at = now()
    FROM unnest(CAST(:generations AS smallint[]), CAST(:partitions AS integer[]), CAST(:offsets AS bigint[]))
         AS sent (generation_id, kafka_partition, kafka_offset)
    WHERE (q.generation_id, q.kafka_partition, q.kafka_offset)
        = (sent.generation_id, sent.kafka_partition, sent.kafka_offset)
""")


class DeadLetter(NamedTuple):
    """A reject as it is relayed."""

    generation: int
    partition: int
    offset: int
    topic: str
    reason: str
    field: str | None
    detail: str
    version: bytes | None
    key: bytes | None
    value: bytes | None


def relay(engine: Engine, send: Callable[[Sequence[DeadLetter]], None], most: int) -> int:
    """Hand up to ``most`` unsent rejects to ``send`` and mark them; returns how many.

    ``send`` returns once all are acknowledged. At least once: a crash between the two sends them again.
    """
    with translated(), engine.begin() as connection:
        letters = [
            DeadLetter(*row[:7], *(None if part is None else bytes(part) for part in row[7:]))
            for row in connection.execute(UNSENT, {"most": most})
        ]
        if letters:
            send(letters)
            places = zip(*((letter.generation, letter.partition, letter.offset) for letter in letters), strict=True)
            connection.execute(
                SENT, dict(zip(("generations", "partitions", "offsets"), map(list, places), strict=True))
            )
        return len(letters)


def relay_turn(
    engine: Engine, send: Callable[[Sequence[DeadLetter]], None], most: int, ranges_wait: Callable[[], object]
) -> None:
    """Relay ``most`` at a time until none is left, or ranges wait for a worker: the next turn comes."""
    while relay(engine, send, most) and not ranges_wait():
        pass
