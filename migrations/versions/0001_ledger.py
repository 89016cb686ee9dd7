"""The ledger, the ticks, the quarantine and the alarms."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE topic_generation (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster_id text NOT NULL,
    topic text NOT NULL,
    topic_id text NOT NULL,
    adopted_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (cluster_id, topic_id)
);

CREATE TABLE partition_cursor (
    generation_id smallint NOT NULL REFERENCES topic_generation,
    partition integer NOT NULL,
    origin bigint NOT NULL,
    planned bigint NOT NULL,
    committed bigint NOT NULL,
    low_passes smallint NOT NULL DEFAULT 0,
    halted_reason text,
    accept_below bigint NOT NULL DEFAULT 0,
    drained_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (generation_id, partition),
    CONSTRAINT prefix_within_plan CHECK (origin <= committed AND committed <= planned)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- start_offset included, end_offset not
CREATE TABLE offset_range (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation_id smallint NOT NULL,
    partition integer NOT NULL,
    start_offset bigint NOT NULL,
    end_offset bigint NOT NULL,
    state text NOT NULL DEFAULT 'planned',
    hinted_at timestamptz,
    not_before timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    deaths smallint NOT NULL DEFAULT 0,
    halvings smallint NOT NULL DEFAULT 0,
    holder_pid integer,
    holder_start timestamptz,
    n_ok bigint,
    n_bad bigint,
    n_gap bigint,
    leader_epoch integer,
    code_version text,
    done_at timestamptz,
    UNIQUE (generation_id, partition, start_offset),
    UNIQUE (generation_id, partition, end_offset),
    FOREIGN KEY (generation_id, partition) REFERENCES partition_cursor (generation_id, partition),
    CONSTRAINT not_empty CHECK (start_offset < end_offset),
    CONSTRAINT known_state CHECK (state IN ('planned', 'done', 'lost')),
    CONSTRAINT every_offset_counted CHECK (state <> 'done' OR n_ok + n_bad + n_gap = end_offset - start_offset)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

CREATE INDEX offset_range_open ON offset_range (generation_id, partition, start_offset) WHERE state = 'planned';

CREATE TABLE ticks (
    symbol text COLLATE "C" NOT NULL,
    event_time timestamptz NOT NULL,
    received_time timestamptz NOT NULL,
    bid_price numeric(18, 9),
    ask_price numeric(18, 9),
    bid_volume numeric(18, 9),
    ask_volume numeric(18, 9),
    sequence_id bigint NOT NULL,
    landed_at timestamptz NOT NULL DEFAULT now(),
    generation_id smallint NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset bigint NOT NULL
) PARTITION BY RANGE (event_time);

CREATE UNIQUE INDEX ticks_once ON ticks (symbol, event_time, generation_id, kafka_partition, kafka_offset);
CREATE INDEX ticks_place ON ticks USING brin (kafka_partition, kafka_offset);

CREATE TABLE quarantine (
    generation_id smallint NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    reason text NOT NULL,
    field text,
    detail text NOT NULL,
    broker_time timestamptz,
    schema_version bytea,
    key bytea,
    value bytea,
    sha256 bytea,
    landed_at timestamptz NOT NULL DEFAULT now(),
    relayed_at timestamptz,
    resolution text NOT NULL DEFAULT 'open',
    PRIMARY KEY (generation_id, kafka_partition, kafka_offset),
    CONSTRAINT known_resolution CHECK (resolution IN ('open', 'landed', 'dropped'))
);

CREATE TABLE alarm (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    generation_id smallint,
    partition integer,
    start_offset bigint,
    end_offset bigint,
    detail text NOT NULL DEFAULT '',
    raised_at timestamptz NOT NULL DEFAULT now(),
    acknowledged_by text,
    acknowledged_at timestamptz
);
"""

# Made apart and then attached: CREATE TABLE ... PARTITION OF waits for every reader of ticks, ATTACH does not.
MAKE_DAY = """
CREATE FUNCTION make_ticks_day(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text := 'ticks_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day < DATE '1900-01-01' OR day >= DATE '2200-01-01' THEN
        RAISE EXCEPTION 'no day of ticks may be %', day USING ERRCODE = 'datetime_field_overflow';
    END IF;
    PERFORM pg_advisory_xact_lock(7227002);
    IF to_regclass('public.' || child) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.ticks INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child);
    EXECUTE format(
        'ALTER TABLE public.ticks ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        child, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION make_ticks_day(date) FROM PUBLIC;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(MAKE_DAY)


def downgrade() -> None:
    op.execute("DROP FUNCTION make_ticks_day(date)")
    op.execute("DROP TABLE alarm, quarantine, ticks, offset_range, partition_cursor, topic_generation")
