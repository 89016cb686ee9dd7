"""The tables of the expectations; ``tables.py`` has the others, and what all of them are for."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

_instant = DateTime(timezone=True)


def declare(metadata: MetaData) -> None:
    """Add the tables to ``metadata``."""
    Table(
        "expectation_run",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("scope", Text, nullable=False),
        Column("window_start", _instant, nullable=False),
        Column("window_end", _instant, nullable=False),
        Column("started_at", _instant, nullable=False),
        Column("finished_at", _instant, nullable=False, server_default=func.now()),
        Column("outcome", Text, nullable=False),
        Column("ticks", BigInteger, nullable=False),
        Column("library_version", Text, nullable=False, server_default=text("''::text")),
        Column("detail", Text, nullable=False, server_default=text("''::text")),
        CheckConstraint("scope IN ('day', 'hour')", name="known_scope"),
        CheckConstraint("outcome IN ('passed', 'failed', 'empty', 'error')", name="known_outcome"),
        CheckConstraint("window_start < window_end", name="window_not_empty"),
        Index("expectation_run_newest", "scope", "id"),
    )
    Table(
        "expectation_result",
        metadata,
        Column("run_id", BigInteger, ForeignKey("expectation_run.id", ondelete="CASCADE"), primary_key=True),
        Column("position", SmallInteger, primary_key=True),
        Column("name", Text, nullable=False),
        Column("profile", Text),
        Column("severity", Text, nullable=False),
        Column("passed", Boolean),  # null: it could not be judged
        Column("checked", BigInteger, nullable=False),
        Column("failed", BigInteger, nullable=False),
        Column("told", Text, nullable=False),
        Column("rows", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
        CheckConstraint("severity IN ('critical', 'warning', 'info')", name="known_severity"),
    )
