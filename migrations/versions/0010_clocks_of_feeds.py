"""Clocks are a feed's, not a symbol's. What was measured stays: a symbol without a feed is one by itself."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE clock_skew RENAME COLUMN symbol TO feed")


def downgrade() -> None:
    op.execute("ALTER TABLE clock_skew RENAME COLUMN feed TO symbol")
