"""Postgres full, slow, refusing, changed under us, gone back in time, or silent at the one moment that counts."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from orderbook.embedded.ports import choose_port
from orderbook.errors import Unavailable
from orderbook.store.database import engine_for, sqlstate
from orderbook.store.ledger.claims import Claim, Session
from orderbook.store.ledger.landing import Landing, Load
from tests.faults.matrix.conftest import audited
from tests.faults.proxy import Proxy, Toxic
from tests.pipeline import Pipeline, stored, valid
from tests.servers import RunningServers, database_of

OPEN = "SELECT state, deaths FROM offset_range WHERE state = 'planned'"


def test_a_commit_whose_answer_is_lost_landed_once(pipeline: Pipeline, servers: RunningServers) -> None:
    port = servers.fleet.postgres.port
    with Proxy(port, choose_port()) as proxy:

        class CutLanding(Landing):
            """Its COMMIT arrives, the answer does not."""

            def land(self, session: Session, claim: Claim, load: Load):
                proxy.apply(Toxic("lost_commit"))
                try:
                    return super().land(session, claim, load)
                finally:
                    proxy.heal()

        pipeline.produce(valid(10))
        pipeline.drain()
        through = _through(pipeline, port, proxy.port)
        assert through.ingestor(landing=CutLanding(expect_gaps=False)).run(pipeline.hints[0]) == 0
        assert proxy.spoiled == 1
        through.close()
    assert len(stored(pipeline)) == 10
    assert pipeline.ingestor().run(pipeline.hints[0]) == 0
    pipeline.run()
    assert len(stored(pipeline)) == 10
    assert audited(pipeline) == []


def _through(pipeline: Pipeline, port: int, proxy: int) -> Pipeline:
    """The same pipeline, that reaches Postgres through the proxy."""
    url = pipeline.settings.database.url.get_secret_value().replace(f":{port}/", f":{proxy}/")
    database = pipeline.settings.database.model_copy(update={"url": type(pipeline.settings.database.url)(url)})
    settings = pipeline.settings.model_copy(update={"database": database})
    return Pipeline(settings, engine_for(database, "ingest", name="test"), pipeline.client, policy=pipeline.policy)


def test_a_locked_table_costs_an_attempt_and_no_death(pipeline: Pipeline, engine: Engine) -> None:
    pipeline.with_policy(max_offsets=10, max_open=2).produce(valid(50))
    pipeline.drain()
    with engine.begin() as locker:
        locker.execute(text("LOCK TABLE ticks IN ACCESS EXCLUSIVE MODE"))
        assert pipeline.ingestor().run(pipeline.hints[0]) == 0  # after lock_timeout
        pipeline.drain()
        assert pipeline.rows(OPEN) == [("planned", 0)] * 2  # the window holds: the log keeps the rest
    pipeline.expire_leases()
    pipeline.run()
    assert len(stored(pipeline)) == 50
    assert audited(pipeline) == []


def test_when_no_connection_is_left_nothing_is_counted_against_a_range(
    pipeline: Pipeline, servers: RunningServers
) -> None:
    pipeline.produce(valid(10))
    pipeline.drain()
    name = database_of(pipeline.settings.database.url.get_secret_value())
    worker = pipeline.ingestor()
    servers.administer(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    try:
        with pytest.raises(Unavailable, match="too many connections"):
            worker.run(pipeline.hints[0])
    finally:
        servers.administer(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    assert pipeline.rows(OPEN) == [("planned", 0)]
    assert worker.run(pipeline.hints[0]) == 10


def test_a_column_that_comes_and_goes_stops_nothing(pipeline: Pipeline, engine: Engine) -> None:
    done = threading.Event()
    changes: list[int] = []
    refused: list[str | None] = []

    def migrate() -> None:
        with engine.connect() as connection:
            connection.execute(text("SET lock_timeout = '50ms'"))
            connection.commit()
            while not done.is_set():
                for change in ("ADD COLUMN IF NOT EXISTS passing integer", "DROP COLUMN IF EXISTS passing"):
                    try:
                        with connection.begin():
                            connection.execute(text(f"ALTER TABLE ticks {change}"))
                        changes.append(1)
                    except OperationalError as error:  # its lock was not to be had: it tries again
                        refused.append(sqlstate(error))

    migrating = threading.Thread(target=migrate)
    migrating.start()
    try:
        pipeline.with_policy(max_offsets=20)
        for first in range(1, 401, 100):
            pipeline.produce(valid(100, first=first))
            _run_through_give_backs(pipeline)
    finally:
        done.set()
        migrating.join(30)
    assert len(changes) > 2
    assert set(refused) <= {"55P03"}
    assert len(stored(pipeline)) == 400
    assert audited(pipeline) == []


def _run_through_give_backs(pipeline: Pipeline) -> None:
    ingestor, drainer = pipeline.ingestor(), pipeline.drainer()
    for _ in range(200):
        done = pipeline.drain(drainer)
        pipeline.expire_leases()
        hints, pipeline.hints[:] = list(pipeline.hints), []
        for hint in hints:
            ingestor.run(hint)
        if not hints and done.prefixes.get(0) == done.bounds[0].end:
            return
    raise AssertionError("the prefix does not reach the end")


def test_an_older_snapshot_goes_back_whole_and_catches_up_from_the_log(
    pipeline: Pipeline, servers: RunningServers
) -> None:
    pipeline.produce(valid(30))
    pipeline.run()
    url = pipeline.settings.database.url.get_secret_value()
    pipeline.close()
    pipeline.engine.dispose()
    older = servers.create_database(database_of(url))
    pipeline.new_producer()
    pipeline.produce(valid(30, first=31))
    pipeline.run()
    database = pipeline.settings.database
    database = database.model_copy(update={"url": type(database.url)(older.replace("://", "+psycopg2://"))})
    settings = pipeline.settings.model_copy(update={"database": database})
    restored = replace(pipeline, settings=settings, engine=engine_for(database, "ingest", name="test"), hints=[])
    try:
        assert len(stored(restored)) == 30
        assert "past the prefix" in str(audited(restored))
        restored.run()
        assert len(stored(restored)) == 60
        assert audited(restored) == []
    finally:
        restored.close()
        restored.engine.dispose()
        servers.drop_database(older)
