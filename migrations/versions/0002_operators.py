"""Who did what and why, and the outbox of dead letters."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JOURNAL = """
CREATE TABLE operator_action (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    done_at timestamptz NOT NULL DEFAULT now(),
    done_by text NOT NULL,
    verb text NOT NULL,
    generation_id smallint,
    partition integer,
    start_offset bigint,
    end_offset bigint,
    why text NOT NULL DEFAULT '',
    detail text NOT NULL DEFAULT ''
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_action
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- what the relay has still to send
CREATE INDEX quarantine_unsent ON quarantine (landed_at) WHERE relayed_at IS NULL;
"""


def upgrade() -> None:
    op.execute(JOURNAL)


def downgrade() -> None:
    op.execute("DROP INDEX quarantine_unsent")
    op.execute("DROP TABLE operator_action")
    op.execute("DROP FUNCTION refuse_change()")
