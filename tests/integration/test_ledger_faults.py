"""What the ledger does when workers die, logs shrink, topics come again and Postgres refuses a row."""

import io
import threading
from pathlib import Path

import psycopg2
import pytest
from kafka import KafkaAdminClient, TopicPartition

from orderbook.config import settings
from orderbook.ingest.ingestor import AttemptPolicy
from orderbook.ingest.witness import Witness
from orderbook.store.ledger.claims import Claim, Session
from orderbook.store.ledger.landing import Landing, Load
from orderbook.store.rows import copy_in, encoding
from orderbook.stream.topics import TopicClient
from tests.pipeline import Pipeline, stored, tick, valid


class Died(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it."""


class DyingLanding(Landing):
    """Dies before the landing, without a word."""

    def land(self, session: Session, claim: Claim, load: Load):
        raise Died


@pytest.fixture
def admin(pipeline: Pipeline):
    client = KafkaAdminClient(bootstrap_servers=pipeline.settings.kafka.bootstrap_servers)
    yield client
    client.close()


def _die_once(pipeline: Pipeline, range_id: int) -> None:
    with pytest.raises(Died):
        pipeline.ingestor(landing=DyingLanding(expect_gaps=False)).run(range_id)


def test_a_dead_worker_s_range_is_landed_by_another_after_its_lease(pipeline: Pipeline) -> None:
    pipeline.produce(valid(10))
    pipeline.drain()
    (range_id,) = pipeline.hints
    _die_once(pipeline, range_id)
    assert pipeline.ingestor().run(range_id) == 0
    pipeline.expire_leases()
    assert pipeline.ingestor().run(range_id) == 10
    assert pipeline.one("SELECT deaths FROM offset_range") == 2


def test_a_suspect_range_is_judged_in_a_child_and_lands_whole(pipeline: Pipeline) -> None:
    pipeline.produce([*valid(5), b"broken", *valid(5, first=6)])
    pipeline.drain()
    (range_id,) = pipeline.hints
    for _ in range(2):
        _die_once(pipeline, range_id)
        pipeline.expire_leases()
    assert pipeline.ingestor().run(range_id) == 10
    assert pipeline.rows("SELECT reason FROM quarantine") == [("json",)]


@pytest.mark.parametrize("place", [0, 7, 19])
def test_a_record_that_kills_whoever_judges_it_is_poison_and_the_rest_lands(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    offsets = pipeline.produce(valid(20))
    (tmp_path / f"judge.0.{offsets[place]}.always").touch()
    monkeypatch.setenv("ORDERBOOK_CRASHPOINTS", str(tmp_path))  # only the child reads it: our settings are cached
    pipeline.drain()
    (range_id,) = pipeline.hints
    for _ in range(2):
        _die_once(pipeline, range_id)
        pipeline.expire_leases()
    assert pipeline.ingestor().run(range_id) == 19
    ((offset, reason, value),) = pipeline.rows("SELECT kafka_offset, reason, value FROM quarantine")
    assert (offset, reason) == (offsets[place], "poison")
    assert bytes(value).startswith(b'{"symbol":"TTF-GAS"')


def test_an_outage_of_kafka_takes_its_death_back(pipeline: Pipeline) -> None:
    pipeline.produce(valid(3))
    pipeline.drain()
    away = settings().kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1", "request_timeout_seconds": 0.5})
    lost = pipeline.ingestor(witness=Witness(lambda: TopicClient(away)))
    lost.run(pipeline.hints[0])
    assert pipeline.rows("SELECT deaths, holder_pid, lease_until, state FROM offset_range") == [
        (0, None, None, "planned")
    ]


def test_a_worker_stopped_inside_copy_is_ended_after_its_lease_and_cannot_commit(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.produce(valid(10))
    pipeline.drain()
    (range_id,) = pipeline.hints
    inside, go_on, results = threading.Event(), threading.Event(), []

    class StandingStill(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            inside.set()
            go_on.wait(60)
            return super().read(size)

    def copy_input_once(table, *, binary):
        monkeypatch.setattr(copy_in, "copy_input", encoding.copy_input)
        options, source = encoding.copy_input(table, binary=binary)
        return options, StandingStill(source.getvalue())

    monkeypatch.setattr(copy_in, "copy_input", copy_input_once)
    stopped = pipeline.ingestor(policy=AttemptPolicy(landing_lease_seconds=1, go_on_seconds=0))
    worker = threading.Thread(target=lambda: results.append(stopped.run(range_id)))
    worker.start()
    assert inside.wait(20)
    _wait_until_ended(pipeline)
    assert pipeline.ingestor().run(range_id) == 10
    go_on.set()
    worker.join(60)
    assert results == [0]
    assert len(stored(pipeline)) == 10


def _wait_until_ended(pipeline: Pipeline) -> None:
    held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ingest' AND xact_start IS NOT NULL"
    drainer = pipeline.drainer()
    while pipeline.one(held):
        pipeline.drain(drainer)


@pytest.mark.logs_error("offsets lost")
def test_what_the_log_no_longer_has_is_lost_with_an_alarm_and_nothing_else(
    pipeline: Pipeline, admin: KafkaAdminClient
) -> None:
    pipeline.with_policy(max_offsets=10, max_open=2).produce(valid(50))
    pipeline.drain()
    admin.delete_records({TopicPartition(pipeline.topic, 0): 35})
    pipeline.run()
    assert [o for _, o in stored(pipeline)] == list(range(35, 50))
    lost = pipeline.rows("SELECT start_offset, end_offset FROM offset_range WHERE state = 'lost' ORDER BY 1")
    assert lost == [(0, 10), (10, 20), (20, 35)]
    assert pipeline.rows("SELECT start_offset, end_offset FROM alarm WHERE kind = 'lost' ORDER BY 1") == lost


@pytest.mark.logs_error("offsets lost")
def test_a_range_cut_by_the_log_start_loses_only_its_head(pipeline: Pipeline, admin: KafkaAdminClient) -> None:
    pipeline.produce(valid(50))
    pipeline.drain()
    admin.delete_records({TopicPartition(pipeline.topic, 0): 12})
    pipeline.run()
    assert len(stored(pipeline)) == 38
    assert pipeline.rows("SELECT start_offset, end_offset FROM offset_range WHERE state = 'lost'") == [(0, 12)]


@pytest.mark.logs_error("partition halted")
@pytest.mark.parametrize("records", [5, 60])
def test_a_topic_made_again_halts_whatever_its_offsets_say(
    pipeline: Pipeline, admin: KafkaAdminClient, records: int
) -> None:
    pipeline.produce(valid(30))
    pipeline.run()
    admin.delete_topics([pipeline.topic])
    _make_again(pipeline)
    pipeline.produce(valid(records))
    pipeline.execute("UPDATE partition_cursor SET drained_at = drained_at - interval '1 s'")
    assert pipeline.drainer().run() is None
    assert set(pipeline.rows("SELECT halted_reason FROM partition_cursor")) == {("recreated",)}
    assert len(stored(pipeline)) == 30
    assert pipeline.one("SELECT count(*) FROM alarm WHERE kind = 'recreated'") == 2


def _make_again(pipeline: Pipeline) -> None:
    while not pipeline.client.create():
        pass  # the old one is still being deleted


@pytest.mark.logs_error("partition halted")
def test_a_worker_that_reads_a_topic_made_again_lands_nothing(pipeline: Pipeline, admin: KafkaAdminClient) -> None:
    pipeline.produce(valid(30))
    pipeline.drain()
    admin.delete_topics([pipeline.topic])
    _make_again(pipeline)
    pipeline.produce(valid(60))
    pipeline.ingestor().run(pipeline.hints[0])
    assert stored(pipeline) == []
    assert pipeline.rows("SELECT halted_reason FROM partition_cursor WHERE partition = 0") == [("recreated",)]


def test_an_added_partition_is_read_from_its_first_record(pipeline: Pipeline, admin: KafkaAdminClient) -> None:
    pipeline.produce(valid(5))
    pipeline.run()
    admin.create_partitions({pipeline.topic: 4})
    while len(pipeline.client.identity().partitions) < 4:
        pass
    pipeline.new_producer()
    pipeline.produce(valid(7), partition=3)
    pipeline.run()
    assert len(stored(pipeline)) == 12


def test_a_row_that_postgres_refuses_is_quarantined_alone_with_its_bytes(pipeline: Pipeline) -> None:
    pipeline.execute("ALTER TABLE ticks ADD CONSTRAINT no_thirteen CHECK (sequence_id <> 13)")
    pipeline.produce(valid(40))
    pipeline.run()
    assert len(stored(pipeline)) == 39
    ((reason, value),) = pipeline.rows("SELECT reason, value FROM quarantine")
    assert reason == "refused"
    assert b'"sequence_id":13}' in bytes(value)


@pytest.mark.logs_error("partition halted")
def test_an_offset_stored_already_trips_the_wire_and_halts(pipeline: Pipeline) -> None:
    one = tick(1)
    pipeline.produce([one])
    pipeline.drain()
    pipeline.execute("SELECT make_ticks_day(:day)", day=one.event_time.date())
    pipeline.execute(
        "INSERT INTO ticks VALUES ('TTF-GAS', :at, now(), 1, 2, 1, 1, 1, now(), 1, 0, 0)", at=one.event_time
    )
    pipeline.ingestor().run(pipeline.hints[0])
    assert pipeline.rows("SELECT halted_reason FROM partition_cursor WHERE partition = 0") == [("tripwire",)]
    assert pipeline.rows("SELECT state, deaths FROM offset_range") == [("planned", 0)]


def test_an_outage_of_postgres_in_the_landing_leaves_the_range_to_the_next(pipeline: Pipeline) -> None:
    pipeline.produce(valid(10))
    pipeline.drain()

    class CutLanding(Landing):
        """Its backend is ended between the COPY and the COMMIT."""

        def _finish(self, connection, *rest):
            with psycopg2.connect(pipeline.settings.database.url.get_secret_value().replace("+psycopg2", "")) as other:
                other.cursor().execute(
                    "SELECT pg_terminate_backend(%s)", (connection.connection.driver_connection.info.backend_pid,)
                )
            other.close()
            return super()._finish(connection, *rest)

    assert pipeline.ingestor(landing=CutLanding(expect_gaps=False)).run(pipeline.hints[0]) == 0
    assert stored(pipeline) == []
    assert pipeline.rows("SELECT deaths, state FROM offset_range") == [(0, "planned")]
    pipeline.expire_leases()
    pipeline.run()
    assert len(stored(pipeline)) == 10
