"""The schema's migrations: apart, since Alembic takes 11 MB and no worker needs it."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from orderbook.sections import psycopg2_url
from orderbook.store.database import translated


@cache
def _config() -> Config:
    inside = Path(__file__).parent.parent / "migrations"  # of the wheel
    return Config(str((inside if inside.is_dir() else inside.parent.parent / "migrations") / "alembic.ini"))


def upgrade(url: str | None = None, revision: str = "head") -> None:
    """Bring the schema to ``revision``, at ``url`` or where the settings say. Raises ``Unavailable``."""
    with translated():
        config = _config()
        config.attributes["url"] = None if url is None else psycopg2_url(url)
        command.upgrade(config, revision)


def downgrade(url: str | None, revision: str) -> None:
    """Take the schema back to ``revision`` (``base``: nothing)."""
    with translated():
        config = _config()
        config.attributes["url"] = None if url is None else psycopg2_url(url)
        command.downgrade(config, revision)


def schema_revisions(engine: Engine) -> tuple[str | None, str]:
    """The revision that the database has, and the one that this code wants."""
    with translated(), engine.connect() as connection:
        context = MigrationContext.configure(connection)
        return context.get_current_revision(), ScriptDirectory.from_config(_config()).get_current_head() or ""
