"""Who did what, and why: an append-only record in the transaction of the deed."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

RECORD = text("""
    INSERT INTO operator_action (done_by, verb, generation_id, partition, start_offset, end_offset, why, detail)
    VALUES (:by, :verb, :generation, :partition, :start, :end, :why, :detail)
""")


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts, and the reason they gave."""

    name: str
    why: str = ""


def record(
    connection: Connection,
    operator: Operator,
    verb: str,
    *,
    generation: int | None = None,
    partition: int | None = None,
    start: int | None = None,
    end: int | None = None,
    detail: str = "",
) -> None:
    """Note a deed; durable with the caller's transaction."""
    arguments = {"generation": generation, "partition": partition, "start": start, "end": end, "detail": detail}
    connection.execute(RECORD, {**arguments, "by": operator.name, "why": operator.why, "verb": verb})
