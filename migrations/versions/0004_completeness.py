"""Sequence ids stitched along the prefix: summaries, chains, events; and ticks counted by symbol and hour."""

from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
-- of a landing, until its range is stitched and merged: orderbook/sequence.py says what stands in it
ALTER TABLE offset_range ADD COLUMN summary jsonb;

-- for the trace of a tick; of a range that was there before, and of merged ones, it is not known
ALTER TABLE offset_range ADD COLUMN planned_at timestamptz, ADD COLUMN fetched_at timestamptz;
ALTER TABLE offset_range ALTER COLUMN planned_at SET DEFAULT now();

-- how far a partition is stitched; a row of its own, so that stitching never keeps a drainer waiting
CREATE TABLE sequence_cursor (
    generation_id smallint NOT NULL,
    partition integer NOT NULL,
    stitched bigint NOT NULL,
    PRIMARY KEY (generation_id, partition),
    FOREIGN KEY (generation_id, partition) REFERENCES partition_cursor (generation_id, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- what was landed before has no summary: judgement begins behind it
INSERT INTO sequence_cursor SELECT generation_id, partition, committed FROM partition_cursor;

CREATE TABLE sequence_chain (
    generation_id smallint NOT NULL,
    partition integer NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    epoch_offset bigint NOT NULL,
    run_offset bigint NOT NULL,
    run_time timestamptz NOT NULL,
    run_after_time timestamptz NOT NULL,
    lowest bigint NOT NULL,
    highest bigint NOT NULL,
    highest_offset bigint NOT NULL,
    last bigint NOT NULL,
    last_offset bigint NOT NULL,
    last_time timestamptz NOT NULL,
    PRIMARY KEY (generation_id, partition, symbol)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

CREATE TABLE sequence_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation_id smallint NOT NULL,
    partition integer NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    cause text,
    epoch_offset bigint NOT NULL,
    after_offset bigint NOT NULL,
    kafka_offset bigint NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    ids bigint NOT NULL,
    missing bigint[] NOT NULL DEFAULT '{}',
    n_missing bigint NOT NULL DEFAULT 0,
    after_time timestamptz NOT NULL,
    event_time timestamptz NOT NULL,
    detected_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    UNIQUE (generation_id, partition, symbol, kind, kafka_offset),
    CONSTRAINT known_kind CHECK (kind IN ('gap', 'repeat', 'reorder', 'reset', 'stall')),
    CONSTRAINT known_event_state CHECK (state IN ('open', 'late_filled', 'confirmed')),
    CONSTRAINT known_cause CHECK (cause IN ('quarantined', 'lost'))
);
CREATE INDEX sequence_event_missing ON sequence_event (generation_id, partition, symbol) WHERE n_missing > 0;
CREATE INDEX sequence_event_open ON sequence_event (detected_at) WHERE state = 'open';
CREATE INDEX sequence_event_time ON sequence_event (event_time);

-- ticks that were stored after their range: written by a requeue, applied when the chain has passed them
CREATE TABLE late_fill (
    generation_id smallint NOT NULL,
    partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    sequence_id bigint NOT NULL,
    filled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation_id, partition, kafka_offset)
);

CREATE TABLE symbol_hour (
    symbol text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    ticks bigint NOT NULL,
    PRIMARY KEY (symbol, hour)
) WITH (fillfactor = 80);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE symbol_hour, late_fill, sequence_event, sequence_chain, sequence_cursor")
    op.execute("ALTER TABLE offset_range DROP COLUMN summary, DROP COLUMN planned_at, DROP COLUMN fetched_at")
