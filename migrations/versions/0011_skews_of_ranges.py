"""Each landing keeps the smallest skew of its symbols: nothing looks for them among the ticks any more."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE offset_range ADD COLUMN skews jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE offset_range DROP COLUMN skews")
