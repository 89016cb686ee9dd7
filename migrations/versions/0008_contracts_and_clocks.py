"""Power contracts: delivery period, area and gate closure of a symbol. And the clocks of receiver and venue."""

from alembic import op

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE contract (
    symbol text COLLATE "C" PRIMARY KEY,
    area text NOT NULL,
    kind text NOT NULL,
    delivery_start timestamptz NOT NULL,
    delivery_end timestamptz NOT NULL,
    listed_at timestamptz NOT NULL,
    gate_closure timestamptz NOT NULL,
    CONSTRAINT known_contract_kind CHECK (kind IN ('quarter', 'hour')),
    CONSTRAINT delivery_in_order
        CHECK (listed_at < gate_closure AND gate_closure <= delivery_start AND delivery_start < delivery_end)
);
CREATE INDEX contract_delivery ON contract (delivery_start);

-- up to where the rows of a partition were looked at
CREATE TABLE clock_cursor (
    generation_id smallint NOT NULL,
    partition integer NOT NULL,
    seen bigint NOT NULL,
    PRIMARY KEY (generation_id, partition)
);

-- receive time less event time, in microseconds: the smallest of the newest look, and the one that steps are judged by
CREATE TABLE clock_skew (
    symbol text COLLATE "C" PRIMARY KEY,
    skew_us bigint NOT NULL,
    usual_us bigint NOT NULL,
    off_passes integer NOT NULL,
    measured_at timestamptz NOT NULL,
    stepped_at timestamptz
) WITH (fillfactor = 50);
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE contract, clock_cursor, clock_skew")
