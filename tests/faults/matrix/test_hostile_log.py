"""The hostile corpus through a real log into Postgres; and what only a broker can spoil."""

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer
from kafka import KafkaConsumer, TopicPartition

from orderbook.config import settings
from orderbook.errors import Unavailable
from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.validator import Validator
from orderbook.store.ledger.outbox import relay
from orderbook.stream.batch import FetchLimits
from orderbook.stream.dead_letters import DeadLetters
from orderbook.stream.fetcher import make_fetcher
from orderbook.tick import FIELDS, encode
from tests.contract.written_log import WrittenLog
from tests.faults.hostile import ACCEPTED, PLACES, RANGE, Case, cases, laid_out, profiles
from tests.faults.matrix.conftest import audited
from tests.pipeline import Pipeline, pipeline_over, stored, valid
from tests.servers import RunningServers, Stack

OVER_LARGE = 58
STAMPED_BY_PRODUCERS = {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
    "message.timestamp.before.max.ms": str(2**63 - 1),
    "retention.ms": "-1",
}
TICKS = f"SELECT kafka_offset, {', '.join(FIELDS)} FROM ticks"
REJECTS = "SELECT kafka_offset, reason, field, key, value, schema_version FROM quarantine"


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
def test_every_hostile_record_ends_where_it_belongs_with_its_bytes_and_all_neighbours_land(
    stack: Stack, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERBOOK_KAFKA__CLIENT", client)
    settings.cache_clear()
    log = WrittenLog(stack.kafka_bootstrap, stack.topic, **STAMPED_BY_PRODUCERS)
    sent = [case for case in cases() if case.row != OVER_LARGE]
    records = [record for case in sent for record in laid_out(case)]
    assert log.append(records, **{"message.max.bytes": 2**20}) == list(range(len(records)))
    with pipeline_over(settings()) as pipeline:
        pipeline.with_policy(max_offsets=RANGE, max_open=len(sent))
        pipeline.judge = FastLane(Validator(profiles()), profiles())
        pipeline.run()
        expected = {case_offset: case for n, case in enumerate(sent) for case_offset in _offsets(n)}
        ticks = {row[0]: row[1:] for row in pipeline.rows(TICKS)}
        neighbours = set(range(len(records))) - set(expected)
        assert {n for n, row in ticks.items() if row[0] == "NEIGHBOUR"} == neighbours
        _are_as_expected(expected, ticks, {row[0]: row[1:] for row in pipeline.rows(REJECTS)})
        assert pipeline.one("SELECT count(*) FROM offset_range WHERE state = 'done'") == len(sent)
        assert audited(pipeline) == []


def _offsets(place: int) -> list[int]:
    return [place * RANGE + within for within in PLACES]


def _are_as_expected(expected: dict[int, Case], ticks: dict[int, Any], rejects: dict[int, Any]) -> None:
    wrong = []
    for offset, case in expected.items():
        if case.expect == ACCEPTED:
            told, wanted = ticks.get(offset), tuple(case.stored[name] for name in FIELDS)
        else:
            reason, field, *kept = rejects.get(offset, ("landed", None))
            told = (reason, field, *(None if part is None else bytes(part) for part in kept))
            record = case.at(offset)
            wanted = (case.expect, case.field, record.key, record.value, record.version)
        if told != wanted:
            wrong.append((case.name, str(told)[:200], str(wanted)[:200]))
    assert wrong == []
    assert len(rejects) == sum(case.expect != ACCEPTED for case in expected.values())


@pytest.fixture
def over_large() -> bytes:
    """Ten megabytes."""
    (value,) = (case.record.value for case in cases() if case.row == OVER_LARGE)
    assert value is not None
    return value


@pytest.fixture
def our_topic(stack: Stack) -> Iterator[Pipeline]:
    """A pipeline over a topic as ``orderbook topics create`` makes it."""
    with pipeline_over(settings()) as made:
        yield made


def _send(pipeline: Pipeline, value: bytes, timestamp_ms: int = 0) -> KafkaError | None:
    told: list[KafkaError | None] = []
    options = {"bootstrap.servers": pipeline.settings.kafka.bootstrap_servers, "message.max.bytes": 20_000_000}
    producer = Producer(options)
    producer.produce(pipeline.topic, value, b"key", 0, lambda error, _: told.append(error), timestamp=timestamp_ms)
    assert producer.flush(30) == 0
    (error,) = told
    return error


def test_a_topic_of_ours_refuses_ten_megabytes(our_topic: Pipeline, over_large: bytes) -> None:
    our_topic.produce(valid(3))
    error = _send(our_topic, over_large)
    assert error is not None
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    our_topic.produce(valid(3, first=4))
    our_topic.run()
    assert [offset for _, offset in stored(our_topic)] == list(range(6))


def test_ten_megabytes_in_a_topic_that_takes_them_are_kept_whole_and_relayed_in_part(
    stack: Stack, over_large: bytes
) -> None:
    WrittenLog(stack.kafka_bootstrap, stack.topic, **{"max.message.bytes": "20000000"})
    letters_topic = f"{stack.topic}.dlq"
    with pipeline_over(_with_letters(letters_topic)) as pipeline:
        pipeline.produce(valid(3))
        assert _send(pipeline, over_large) is None
        pipeline.produce([*valid(3, first=4), b"broken"])
        pipeline.run()
        assert [offset for _, offset in stored(pipeline)] == [0, 1, 2, 4, 5, 6]
        ((reason, kept),) = pipeline.rows("SELECT reason, value FROM quarantine WHERE kafka_offset = 3")
        assert (reason, bytes(kept)) == ("symbol", over_large)
        with closing(DeadLetters(pipeline.settings.kafka)) as letters:
            assert relay(pipeline.engine, letters.send, 10) == 2
        cut, whole = sorted(_letters(pipeline.settings.kafka), key=lambda letter: len(letter.value), reverse=True)
        assert (cut.value, whole.value) == (over_large[:65_536], b"broken")
        assert dict(cut.headers)["orderbook-sha256"] == hashlib.sha256(over_large).hexdigest().encode()
        assert dict(cut.headers)["orderbook-bytes"] == str(len(over_large)).encode()
        assert audited(pipeline) == []


def _with_letters(topic: str) -> Any:
    config = settings()
    return config.model_copy(update={"kafka": config.kafka.model_copy(update={"dead_letter_topic": topic})})


def _letters(kafka: Any) -> list[Any]:
    source = TopicPartition(kafka.dead_letter_topic, 0)
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, enable_auto_commit=False)) as consumer:
        consumer.assign([source])
        consumer.seek_to_beginning(source)
        (found,) = consumer.poll(10_000).values()
    return found


@pytest.mark.parametrize("stamp", [1, 4_102_444_800_000, 9_000_000_000_000_000])
def test_a_producer_s_own_stamp_is_neither_the_broker_s_time_nor_the_event_time(
    our_topic: Pipeline, stamp: int
) -> None:
    (sent,) = valid(1)
    assert _send(our_topic, encode(sent), stamp) is None
    our_topic.run()
    assert our_topic.rows("SELECT event_time FROM ticks") == [(sent.event_time,)]


def test_a_corrupt_batch_is_never_skipped_and_never_a_reject(our_topic: Pipeline, servers: RunningServers) -> None:
    for first in (1, 11, 21):
        our_topic.produce(valid(10, first=first))
    our_topic.drain()
    segment = servers.fleet.kafka.folder / "logs" / f"{our_topic.topic}-0" / f"{0:020}.log"
    with _corrupted(servers, segment):
        for client in ("confluent", "kafka-python"):
            _refuses(our_topic, client)
        ingestor = our_topic.ingestor()
        assert ingestor.run(our_topic.hints[0]) == 0
        assert our_topic.rows("SELECT state, deaths, holder_pid FROM offset_range") == [("planned", 0, None)]
        ingestor.close()
    our_topic.expire_leases()
    our_topic.run()
    assert [offset for _, offset in stored(our_topic)] == list(range(30))
    assert our_topic.rows("SELECT reason FROM quarantine") == []


def _refuses(pipeline: Pipeline, client: str) -> None:
    kafka = pipeline.settings.kafka.model_copy(update={"client": client})
    with closing(make_fetcher(kafka, 100)) as fetcher, pytest.raises(Unavailable) as refused:
        fetcher.fetch(0, 0, 30, FetchLimits(2**20, 10, 1), lambda: None)
    print(f"\n{client}: {type(refused.value).__name__}: {refused.value}")


@contextmanager
def _corrupted(servers: RunningServers, segment: Path) -> Iterator[None]:
    """The broker serves a segment whose second batch has one bit changed; afterwards it is as it was."""
    _flip(servers, segment)
    try:
        yield
    finally:
        _flip(servers, segment)


def _flip(servers: RunningServers, segment: Path) -> None:
    servers.fleet.running["kafka"].stop()  # politely: a killed broker would truncate what it cannot check
    written = bytearray(segment.read_bytes())
    length = int.from_bytes(written[8:12], "big") + 12  # of the first batch: base offset and length precede it
    written[length + 12 + 200] ^= 1
    segment.write_bytes(written)
    servers.start_again("kafka")
