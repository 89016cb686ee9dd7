"""The tables, declared once. Migrations make them; ``orderbook db check`` compares the two."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from orderbook.store import cold_tables, expectation_tables, sequence_tables
from orderbook.tick import DECIMAL_PLACES, MAX_DIGITS

metadata = MetaData()

_instant = DateTime(timezone=True)
_exact = Numeric(MAX_DIGITS, DECIMAL_PLACES)

topic_generation = Table(
    "topic_generation",
    metadata,
    Column("id", SmallInteger, Identity(always=True), primary_key=True),
    Column("cluster_id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("topic_id", Text, nullable=False),
    Column("adopted_at", _instant, nullable=False, server_default=func.now()),
    UniqueConstraint("cluster_id", "topic_id"),
)

partition_cursor = Table(
    "partition_cursor",
    metadata,
    Column("generation_id", SmallInteger, ForeignKey("topic_generation.id"), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("origin", BigInteger, nullable=False),
    Column("planned", BigInteger, nullable=False),
    Column("committed", BigInteger, nullable=False),
    Column("low_passes", SmallInteger, nullable=False, server_default=text("0")),
    Column("halted_reason", Text),
    Column("accept_below", BigInteger, nullable=False, server_default=text("0")),
    Column("drained_at", _instant, nullable=False, server_default=text("'-infinity'::timestamptz")),
    CheckConstraint("origin <= committed AND committed <= planned", name="prefix_within_plan"),
)

offset_range = Table(
    "offset_range",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("generation_id", SmallInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("start_offset", BigInteger, nullable=False),
    Column("end_offset", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'planned'::text")),
    Column("hinted_at", _instant),
    Column("not_before", _instant, nullable=False, server_default=func.now()),
    Column("lease_until", _instant),
    Column("deaths", SmallInteger, nullable=False, server_default=text("0")),
    Column("halvings", SmallInteger, nullable=False, server_default=text("0")),
    Column("holder_pid", Integer),
    Column("holder_start", _instant),
    Column("n_ok", BigInteger),
    Column("n_bad", BigInteger),
    Column("n_gap", BigInteger),
    Column("leader_epoch", Integer),
    Column("code_version", Text),
    Column("done_at", _instant),
    Column("summary", JSONB),  # of the sequence ids, until the range is stitched and merged
    Column("skews", JSONB),  # smallest receive time less event time of each symbol, µs; until the range is merged
    Column("planned_at", _instant, server_default=func.now()),  # as fetched_at: unknown once merged
    Column("fetched_at", _instant),
    UniqueConstraint("generation_id", "partition", "start_offset"),
    UniqueConstraint("generation_id", "partition", "end_offset"),
    ForeignKeyConstraint(
        ["generation_id", "partition"], ["partition_cursor.generation_id", "partition_cursor.partition"]
    ),
    CheckConstraint("start_offset < end_offset", name="not_empty"),
    CheckConstraint("state IN ('planned', 'done', 'lost')", name="known_state"),
    CheckConstraint("state <> 'done' OR n_ok + n_bad + n_gap = end_offset - start_offset", name="every_offset_counted"),
    Index(
        "offset_range_open", "generation_id", "partition", "start_offset", postgresql_where=text("state = 'planned'")
    ),
)

ticks = Table(
    "ticks",
    metadata,
    Column("symbol", Text(collation="C"), nullable=False),
    Column("event_time", _instant, nullable=False),
    Column("received_time", _instant, nullable=False),
    Column("bid_price", _exact),
    Column("ask_price", _exact),
    Column("bid_volume", _exact),
    Column("ask_volume", _exact),
    Column("sequence_id", BigInteger, nullable=False),
    Column("landed_at", _instant, nullable=False, server_default=func.now()),
    Column("generation_id", SmallInteger, nullable=False),
    Column("kafka_partition", Integer, nullable=False),
    Column("kafka_offset", BigInteger, nullable=False),
    # serves queries, and is the trip-wire: a violation means that the ledger is broken
    Index("ticks_once", "symbol", "event_time", "generation_id", "kafka_partition", "kafka_offset", unique=True),
    Index("ticks_place", "kafka_partition", "kafka_offset", postgresql_using="brin"),  # serves the audit
    postgresql_partition_by="RANGE (event_time)",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("generation_id", SmallInteger, primary_key=True),
    Column("kafka_partition", Integer, primary_key=True),
    Column("kafka_offset", BigInteger, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("field", Text),
    Column("detail", Text, nullable=False),
    Column("broker_time", _instant),
    Column("schema_version", LargeBinary),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("sha256", LargeBinary),
    Column("landed_at", _instant, nullable=False, server_default=func.now()),
    Column("relayed_at", _instant),
    Column("resolution", Text, nullable=False, server_default=text("'open'::text")),
    CheckConstraint("resolution IN ('open', 'landed', 'dropped')", name="known_resolution"),
    Index("quarantine_unsent", "landed_at", postgresql_where=text("relayed_at IS NULL")),  # serves the relay
)

alarm = Table(
    "alarm",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("generation_id", SmallInteger),
    Column("partition", Integer),
    Column("start_offset", BigInteger),
    Column("end_offset", BigInteger),
    Column("detail", Text, nullable=False, server_default=text("''::text")),
    Column("raised_at", _instant, nullable=False, server_default=func.now()),
    Column("acknowledged_by", Text),
    Column("acknowledged_at", _instant),
)

operator_action = Table(
    "operator_action",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("done_at", _instant, nullable=False, server_default=func.now()),
    Column("done_by", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("generation_id", SmallInteger),
    Column("partition", Integer),
    Column("start_offset", BigInteger),
    Column("end_offset", BigInteger),
    Column("why", Text, nullable=False, server_default=text("''::text")),
    Column("detail", Text, nullable=False, server_default=text("''::text")),
)

# What a rebuild took out of `ticks`; nobody can change it.
withdrawn_tick = Table(
    "withdrawn_tick",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("withdrawn_at", _instant, nullable=False, server_default=func.now()),
    *(Column(column.name, column.type, nullable=column.nullable) for column in ticks.columns),
)

contract = Table(
    "contract",
    metadata,
    Column("symbol", Text(collation="C"), primary_key=True),
    Column("area", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("delivery_start", _instant, nullable=False),
    Column("delivery_end", _instant, nullable=False),
    Column("listed_at", _instant, nullable=False),
    Column("gate_closure", _instant, nullable=False),
    CheckConstraint("kind IN ('quarter', 'hour')", name="known_contract_kind"),
    CheckConstraint(
        "listed_at < gate_closure AND gate_closure <= delivery_start AND delivery_start < delivery_end",
        name="delivery_in_order",
    ),
    Index("contract_delivery", "delivery_start"),
)

clock_cursor = Table(
    "clock_cursor",
    metadata,
    Column("generation_id", SmallInteger, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("seen", BigInteger, nullable=False),
)

clock_skew = Table(
    "clock_skew",
    metadata,
    Column("feed", Text(collation="C"), primary_key=True),
    Column("skew_us", BigInteger, nullable=False),
    Column("usual_us", BigInteger, nullable=False),
    Column("off_passes", Integer, nullable=False),
    Column("measured_at", _instant, nullable=False),
    Column("stepped_at", _instant),
)

sequence_tables.declare(metadata)
cold_tables.declare(metadata)
expectation_tables.declare(metadata)
