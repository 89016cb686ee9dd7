"""The manifest of the cold store, and the one way in which a day of ticks leaves Postgres."""

from alembic import op

revision = "0005"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
-- every file of the cold store, known here before it is written there; only live ones are part of the data
CREATE TABLE cold_file (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    path text NOT NULL UNIQUE,
    state text NOT NULL DEFAULT 'staged',
    rows bigint NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    first_symbol text COLLATE "C" NOT NULL,
    last_symbol text COLLATE "C" NOT NULL,
    offset_sum numeric NOT NULL,
    sequence_sum numeric NOT NULL,
    schema_version smallint NOT NULL,
    staged_at timestamptz NOT NULL DEFAULT now(),
    live_at timestamptz,
    restored_at timestamptz,
    checked_at timestamptz,
    problem text,
    CONSTRAINT known_file_state CHECK (state IN ('staged', 'live', 'restored')),
    CONSTRAINT some_rows CHECK (rows > 0)
);
CREATE INDEX cold_file_day ON cold_file (day);

-- which offsets of which partition a file holds, from the first to the last; others may lie between
CREATE TABLE cold_extent (
    file_id bigint NOT NULL REFERENCES cold_file (id) ON DELETE CASCADE,
    generation_id smallint NOT NULL,
    partition integer NOT NULL,
    rows bigint NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    PRIMARY KEY (file_id, generation_id, partition)
);

CREATE TABLE cold_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    days integer NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    problem text
);
"""

# Nobody writes to the day any more until the caller's transaction ends; who reads goes on.
HOLD = """
CREATE FUNCTION hold_ticks_day(held date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('LOCK TABLE public.%I IN SHARE MODE', 'ticks_' || to_char(held, 'YYYYMMDD'));
END
$$;
REVOKE ALL ON FUNCTION hold_ticks_day(date) FROM PUBLIC;
"""

# The only step that cannot be undone: the day's rows leave Postgres as its file becomes part of the data. It is done
# only where the rows of now are those of the file, which was read back before. The lock that readers wait for comes
# last. Without a file, a day without rows is dropped.
FREEZE = """
CREATE FUNCTION freeze_ticks_day(frozen date, file bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text := 'ticks_' || to_char(frozen, 'YYYYMMDD');
    hot record;
    cold public.cold_file;
BEGIN
    PERFORM public.hold_ticks_day(frozen);
    EXECUTE format('SELECT count(*) AS n, sum(kafka_offset) AS offsets, sum(sequence_id) AS sequences FROM public.%I',
                   child) INTO hot;
    IF file IS NULL THEN
        IF hot.n > 0 THEN
            RETURN false;
        END IF;
    ELSE
        SELECT * INTO cold FROM public.cold_file WHERE id = file FOR UPDATE;
        IF NOT FOUND OR cold.state <> 'staged' OR cold.day <> frozen OR cold.checked_at IS NULL
           OR cold.problem IS NOT NULL THEN
            RAISE EXCEPTION 'file % of % was not read back: its day stays', file, frozen USING ERRCODE = '55000';
        END IF;
        IF (hot.n, hot.offsets, hot.sequences) IS DISTINCT FROM (cold.rows, cold.offset_sum, cold.sequence_sum) THEN
            RETURN false;
        END IF;
    END IF;
    LOCK TABLE ONLY public.ticks IN ACCESS EXCLUSIVE MODE;
    UPDATE public.cold_file SET state = 'live', live_at = now() WHERE id = file;
    EXECUTE format('DROP TABLE public.%I', child);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION freeze_ticks_day(date, bigint) FROM PUBLIC;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(HOLD)
    op.execute(FREEZE)


def downgrade() -> None:
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM cold_file WHERE state = 'live') THEN RAISE EXCEPTION "
        "'days are frozen: orderbook archive restore them first, or nothing knows of their files any more'; "
        "END IF; END $$"
    )
    op.execute("DROP FUNCTION freeze_ticks_day(date, bigint)")
    op.execute("DROP FUNCTION hold_ticks_day(date)")
    op.execute("DROP TABLE cold_run, cold_extent, cold_file")
