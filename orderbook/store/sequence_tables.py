"""The tables of completeness; ``tables.py`` has the others, and what all of them are for."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

_instant = DateTime(timezone=True)


def declare(metadata: MetaData) -> None:
    """Add the tables to ``metadata``."""
    Table(
        "sequence_cursor",
        metadata,
        *_place(key=True),
        Column("stitched", BigInteger, nullable=False),
        ForeignKeyConstraint(
            ["generation_id", "partition"], ["partition_cursor.generation_id", "partition_cursor.partition"]
        ),
    )
    Table(
        "sequence_chain",
        metadata,
        *_place(key=True),
        Column("symbol", Text(collation="C"), primary_key=True),
        *_numbers("epoch_offset", "run_offset"),
        *_instants("run_time", "run_after_time"),
        *_numbers("lowest", "highest", "highest_offset", "last", "last_offset"),
        *_instants("last_time"),
    )
    _declare_event(metadata)
    Table(
        "late_fill",
        metadata,
        *_place(key=True),
        Column("kafka_offset", BigInteger, primary_key=True),
        Column("symbol", Text(collation="C"), nullable=False),
        *_numbers("sequence_id"),
        Column("filled_at", _instant, nullable=False, server_default=func.now()),
    )
    Table(
        "symbol_hour",
        metadata,
        Column("symbol", Text(collation="C"), primary_key=True),
        Column("hour", _instant, primary_key=True),
        *_numbers("ticks"),
    )


def _declare_event(metadata: MetaData) -> None:
    Table(
        "sequence_event",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        *_place(key=False),
        Column("symbol", Text(collation="C"), nullable=False),
        Column("kind", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("cause", Text),
        *_numbers("epoch_offset", "after_offset", "kafka_offset", "first_sequence", "last_sequence", "ids"),
        Column("missing", ARRAY(BigInteger), nullable=False, server_default=text("'{}'::bigint[]")),
        Column("n_missing", BigInteger, nullable=False, server_default=text("'0'::bigint")),
        *_instants("after_time", "event_time"),
        Column("detected_at", _instant, nullable=False, server_default=func.now()),
        Column("settled_at", _instant),
        UniqueConstraint("generation_id", "partition", "symbol", "kind", "kafka_offset"),
        CheckConstraint("kind IN ('gap', 'repeat', 'reorder', 'reset', 'stall')", name="known_kind"),
        CheckConstraint("state IN ('open', 'late_filled', 'confirmed')", name="known_event_state"),
        CheckConstraint("cause IN ('quarantined', 'lost')", name="known_cause"),
        Index("sequence_event_missing", "generation_id", "partition", "symbol", postgresql_where=text("n_missing > 0")),
        Index("sequence_event_open", "detected_at", postgresql_where=text("state = 'open'")),
        Index("sequence_event_time", "event_time"),
    )


def _place(*, key: bool) -> tuple[Column[int], Column[int]]:
    return (
        Column("generation_id", SmallInteger, primary_key=key, nullable=False),
        Column("partition", Integer, primary_key=key, nullable=False),
    )


def _numbers(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


def _instants(*names: str) -> list[Column[object]]:
    return [Column(name, _instant, nullable=False) for name in names]
