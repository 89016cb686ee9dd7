"""Runs the migrations under timeouts: one that waits for a lock gives up instead of making a queue behind it."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from orderbook.config import settings
from orderbook.store.tables import metadata

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"
MIGRATION_LOCK = 7_227_001  # one migrator at a time


def _ours(name: str | None, kind: str, parents: object) -> bool:
    return not (kind == "table" and name is not None and name.startswith("ticks_"))  # the days are made by a function


def _run() -> None:
    database = settings().database
    url = context.config.attributes.get("url") or (database.migrator_url or database.url).get_secret_value()
    engine = create_engine(
        url,
        poolclass=NullPool,  # a pool would keep the session, and with it the lock, after a migration that failed
        connect_args={"connect_timeout": 5, "application_name": "orderbook-migrate"},
    )
    with engine.connect() as connection:
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, target_metadata=metadata, include_name=_ours)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    _run()
