"""The tables of the cold store's manifest; ``tables.py`` has the others, and what all of them are for."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

_instant = DateTime(timezone=True)


def declare(metadata: MetaData) -> None:
    """Add the tables to ``metadata``."""
    Table(
        "cold_file",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("day", Date, nullable=False),
        Column("path", Text, nullable=False, unique=True),  # under the root
        Column("state", Text, nullable=False, server_default=text("'staged'::text")),
        Column("rows", BigInteger, nullable=False),
        Column("size_bytes", BigInteger, nullable=False),
        Column("sha256", LargeBinary, nullable=False),
        Column("first_time", _instant, nullable=False),
        Column("last_time", _instant, nullable=False),
        Column("first_symbol", Text(collation="C"), nullable=False),
        Column("last_symbol", Text(collation="C"), nullable=False),
        Column("offset_sum", Numeric, nullable=False),  # with the next: a day is dropped only where its rows agree
        Column("sequence_sum", Numeric, nullable=False),
        Column("schema_version", SmallInteger, nullable=False),
        Column("staged_at", _instant, nullable=False, server_default=func.now()),
        Column("live_at", _instant),
        Column("restored_at", _instant),
        Column("checked_at", _instant),  # when it was last read back
        Column("problem", Text),  # and what was wrong then
        CheckConstraint("state IN ('staged', 'live', 'restored')", name="known_file_state"),
        CheckConstraint("rows > 0", name="some_rows"),
        Index("cold_file_day", "day"),
    )
    Table(
        "cold_extent",
        metadata,
        Column("file_id", BigInteger, ForeignKey("cold_file.id", ondelete="CASCADE"), primary_key=True),
        Column("generation_id", SmallInteger, primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("rows", BigInteger, nullable=False),
        Column("first_offset", BigInteger, nullable=False),
        Column("last_offset", BigInteger, nullable=False),
    )
    Table(
        "cold_run",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("started_at", _instant, nullable=False, server_default=func.now()),
        Column("ended_at", _instant),
        Column("days", Integer, nullable=False, server_default=text("0")),
        Column("rows", BigInteger, nullable=False, server_default=text("0")),
        Column("problem", Text),
    )
