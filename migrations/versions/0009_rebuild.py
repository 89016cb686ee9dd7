"""Ticks that a rebuild withdrew, kept for ever; and the one way in which a single tick leaves `ticks`."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE withdrawn_tick (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    withdrawn_at timestamptz NOT NULL DEFAULT now(),
    LIKE ticks
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON withdrawn_tick
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# A tick goes nowhere but into the record. Each is named by its whole key, so the unique index finds it.
WITHDRAW = """
CREATE FUNCTION withdraw_ticks(generation smallint, kafka_part integer, symbols text[], times timestamptz[],
                               offsets bigint[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH named AS (
        SELECT * FROM unnest(symbols, times, offsets) AS n (symbol, event_time, kafka_offset)
    ), gone AS (
        DELETE FROM public.ticks t USING named n
        WHERE t.symbol = n.symbol AND t.event_time = n.event_time AND t.kafka_offset = n.kafka_offset
          AND t.generation_id = generation AND t.kafka_partition = kafka_part
        RETURNING t.*
    ), kept AS (
        INSERT INTO public.withdrawn_tick (
            symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id, landed_at,
            generation_id, kafka_partition, kafka_offset)
        SELECT symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id, landed_at,
               generation_id, kafka_partition, kafka_offset FROM gone
        RETURNING 1
    )
    SELECT count(*) FROM kept
$$;
REVOKE ALL ON FUNCTION withdraw_ticks(smallint, integer, text[], timestamptz[], bigint[]) FROM PUBLIC;
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(WITHDRAW)


def downgrade() -> None:
    op.execute("DROP FUNCTION withdraw_ticks(smallint, integer, text[], timestamptz[], bigint[])")
    op.execute("DROP TABLE withdrawn_tick")
