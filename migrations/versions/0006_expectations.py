"""What the expectations found: a row per run, and one per expectation and profile."""

from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE expectation_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL,
    ticks bigint NOT NULL,
    library_version text NOT NULL DEFAULT '',
    detail text NOT NULL DEFAULT '',
    CONSTRAINT known_scope CHECK (scope IN ('day', 'hour')),
    CONSTRAINT known_outcome CHECK (outcome IN ('passed', 'failed', 'empty', 'error')),
    CONSTRAINT window_not_empty CHECK (window_start < window_end)
);
CREATE INDEX expectation_run_newest ON expectation_run (scope, id);

CREATE TABLE expectation_result (
    run_id bigint NOT NULL REFERENCES expectation_run (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    name text NOT NULL,
    profile text,
    severity text NOT NULL,
    passed boolean,
    checked bigint NOT NULL,
    failed bigint NOT NULL,
    told text NOT NULL,
    rows jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (run_id, position),
    CONSTRAINT known_severity CHECK (severity IN ('critical', 'warning', 'info'))
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE expectation_result, expectation_run")
