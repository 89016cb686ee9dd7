"""A whole day of ticks that nothing is wrong with, in a database of its own; and how it is judged in this process."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from orderbook.archive.root import Root
from orderbook.config import Settings, settings
from orderbook.expectations.inspection import Inspected, Inspection, inspect
from orderbook.expectations.judge import Judge
from orderbook.expectations.ticks import window_ticks
from orderbook.expectations.window import Window
from orderbook.profiles import Profiles, load_profiles
from orderbook.sections import psycopg2_url
from orderbook.store.readers.window import read_facts
from tests.pipeline import pipeline_over, tick
from tests.servers import RunningServers, database_of

START = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
DATE = START.date()
STEP = timedelta(seconds=10)
TICKS = 8_640  # of each symbol, a day long
SYMBOLS = ("TTF-GAS", "NBP-GAS")  # of the profiles `energy` and `default`


@dataclass(frozen=True, slots=True)
class CleanDay:
    """Yesterday. ``superuser`` may do to it what the pipeline never would."""

    settings: Settings
    url: str
    superuser: Engine

    @contextmanager
    def changed(self, *statements: str) -> Iterator[Connection]:
        """A transaction in which the statements were run, and which is undone."""
        with self.superuser.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            yield connection
            connection.rollback()


@contextmanager
def clean_day_over(servers: RunningServers, template: str, topic: str) -> Iterator[CleanDay]:
    """A tick every ten seconds of yesterday for each symbol, landed and stitched."""
    url = servers.create_database(template)
    settings = Settings(
        database={"url": url}, kafka={"bootstrap_servers": servers.kafka_bootstrap, "topic": topic, "partitions": 2}
    )
    with pipeline_over(settings) as pipeline:
        for partition, symbol in enumerate(SYMBOLS):
            at = [START + n * STEP for n in range(TICKS)]
            ticks = [tick(n, symbol, event_time=t, received_time=t + STEP / 1000) for n, t in enumerate(at, start=1)]
            pipeline.produce(ticks, partition=partition)
        pipeline.with_policy(max_offsets=10_000).run()
        pipeline.stitch()
    address = f"{servers.superuser_url.rpartition('/')[0]}/{database_of(url)}"
    superuser = create_engine(psycopg2_url(address), poolclass=NullPool)
    yield CleanDay(settings, url, superuser)
    servers.drop_database(url)


def judge_of_this_process() -> Judge:
    """Great Expectations, imported here. What it warns of is its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Judge()


def judged(judge: Judge, connection: Connection, profiles: Profiles | None = None) -> Inspected:
    """The day as the transaction sees it."""
    window = Window.of_day(DATE)
    facts = read_facts(connection, window.start, window.end)
    inspection = Inspection(judge, facts, profiles or load_profiles(None), window)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not facts.readable:
            return inspect(inspection, None)
        return inspect(inspection, window_ticks(connection, Root(settings().archive), window.start, window.end))


def failing(found: Inspected) -> list[tuple[str, str | None]]:
    """Name and profile of what fails."""
    return [(result.name, result.profile) for result in found.results if result.passed is False]
