"""Days of ticks to freeze: rows as the pipeline lands them, made in Postgres itself, and the cold store beside them."""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from orderbook.archive.restore import restore
from orderbook.archive.root import Root
from orderbook.archive.run import Outcome, archive_engine, due, run
from orderbook.clock import utc_now
from orderbook.config import Settings, settings
from orderbook.query.session import ALL, Session, Window
from orderbook.store.database import engine_for
from orderbook.store.journal import Operator
from orderbook.store.rows.copy_out import STORED

# two symbols to a partition, offsets in the order of time, decimals with all digits, an empty side now and then
ROWS = """
    INSERT INTO ticks ({columns})
    SELECT (ARRAY['NBP-GAS', 'TTF-GAS', 'THE-GAS'])[1 + n % 3], at, at + interval '40 us', 27 + n / 1000000007.0,
           28 + n / 1000000007.0, CASE WHEN n % 7 > 0 THEN n % 500 + 0.000000001 END, 85.5, :first + n,
           now(), 1, n % 2, :first + n / 2
    FROM generate_series(0, :count - 1) AS n,
         LATERAL (SELECT CAST(:day AS timestamp) AT TIME ZONE 'UTC' + n * interval '86399.9 s' / :count AS at) AS t
"""


@dataclass
class Cold:
    """A database with days of ticks, and a cold root of its own."""

    settings: Settings
    engine: Engine  # as the owner

    @property
    def root(self) -> Root:
        return Root(self.settings.archive)

    @property
    def folder(self) -> Path:
        return Path(self.root.full("ticks"))

    def land(self, day: date, count: int, first: int = 0) -> None:
        """Put ticks into a day; ``first`` is where their offsets and sequence ids begin."""
        with self.engine.begin() as connection:
            connection.execute(text("SELECT make_ticks_day(:day)"), {"day": day})
            statement = text(ROWS.format(columns=", ".join(STORED.names)))
            connection.execute(statement, {"day": day, "count": count, "first": first})

    def archive(self, *days: date) -> Sequence[Outcome]:
        """Freeze these days, or all that are due."""
        with archive_engine(self.settings, lambda _: None) as (engine, _, archiver):
            wanted = days or due(engine, self.settings, None)
            return run(engine, archiver, wanted, seconds=3600, each=lambda _: None)

    def restore(self, day: date) -> int:
        """Bring a frozen day back."""
        with archive_engine(self.settings, lambda _: None) as (engine, root, archiver), archiver.alone():
            return restore(engine, root, day, Operator("test"), lambda _: None)

    def rows(self, statement: str, **arguments: Any) -> list[Any]:
        """What Postgres itself says."""
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(statement), arguments)]

    def hot(self) -> list[Any]:
        """All rows in Postgres, every value, in the files' order."""
        names = ", ".join(STORED.names)
        return self.rows(f"SELECT {names} FROM ticks ORDER BY symbol, event_time, 10, 11, 12")

    def all(self) -> list[Any]:
        """The same of hot and cold together, by way of a query."""
        return self.ask("SELECT * FROM ticks ORDER BY symbol, event_time, generation_id, kafka_partition, kafka_offset")

    def ask(self, sql: str, parameters: Any = None, window: Window = ALL) -> list[Any]:
        """What a query says."""
        with Session(self.settings, window) as session:
            return [tuple(row.values()) for row in session.ask(sql, parameters).table().to_pylist()]


def days_ago(days: int) -> date:
    return utc_now().date() - timedelta(days=days)


@contextmanager
def cold_over(given: Settings) -> Any:
    """The cold store of these settings."""
    engine = engine_for(given.database, "migrator", name="test")
    try:
        yield Cold(given, engine)
    finally:
        engine.dispose()


@pytest.fixture
def cold(stack: Any, servers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """An empty database and an empty folder; each role has its own rights."""
    for name, url in servers.roles(stack.database_url).items():
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", str(tmp_path / "cold"))
    settings.cache_clear()
    with cold_over(settings()) as made:
        yield made
