"""Writing to a real log."""

import gc
import logging
import threading
from collections.abc import Callable, Iterator

import psutil
import pytest

from orderbook.config import KafkaSettings
from orderbook.embedded.ports import choose_port
from orderbook.errors import Unavailable
from orderbook.stream.fetch_kafka_python import KafkaPythonFetcher
from orderbook.stream.producer import LogProducer
from orderbook.stream.topics import TopicClient
from tests.servers import RunningServers

Acknowledged = list[tuple[int, int, int]]


@pytest.fixture
def kafka(servers: RunningServers, topic: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=servers.kafka_bootstrap, topic=topic, partitions=3)


@pytest.fixture
def acknowledged() -> Acknowledged:
    return []


@pytest.fixture
def producer(kafka: KafkaSettings, acknowledged: Acknowledged) -> Iterator[LogProducer[int]]:
    with TopicClient(kafka) as client:
        client.create()
    made = LogProducer[int](kafka, lambda *told: acknowledged.append(told))
    yield made
    made.close()


def test_tags_come_back_in_the_order_of_their_key(producer: LogProducer[int], acknowledged: Acknowledged) -> None:
    for tag in range(5_000):
        producer.send(b"AB"[tag % 2 : tag % 2 + 1], b"%d" % tag, tag)
    assert producer.wait_until(0, 30)
    assert producer.unacknowledged == 0
    assert producer.silent_seconds == 0
    for key in (0, 1):
        told = [each for each in acknowledged if each[0] % 2 == key]
        assert [tag for tag, _, _ in told] == list(range(key, 5_000, 2))
        assert len({partition for _, partition, _ in told}) == 1
        assert [offset for *_, offset in told] == sorted(offset for *_, offset in told)


def test_closing_gives_up_what_is_open_and_may_be_done_twice(producer: LogProducer[int]) -> None:
    producer.send(b"A", b"1", 1)
    producer.close()
    producer.close()
    assert not [thread for thread in threading.enumerate() if thread.name.endswith("-network-thread")]


def test_a_value_that_can_never_be_sent_is_told_and_not_counted(producer: LogProducer[int]) -> None:
    with pytest.raises(Unavailable, match="MessageSizeTooLarge"):
        producer.send(b"A", b"x" * 2**21, 1)
    assert producer.unacknowledged == 0


def test_a_topic_that_is_not_there_is_unavailable(kafka: KafkaSettings) -> None:
    with pytest.raises(Unavailable, match=kafka.topic):
        LogProducer[int](kafka.model_copy(update={"request_timeout_seconds": 0.5}), lambda *told: None)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # kafka-python drops sockets that were refused
@pytest.mark.parametrize(
    "make", [TopicClient, KafkaPythonFetcher, lambda kafka: LogProducer[int](kafka, lambda *told: None)]
)
def test_a_broker_that_is_not_there_is_unavailable_and_a_try_leaves_nothing_behind(
    make: Callable[[KafkaSettings], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "kafka")  # what it logs would keep those sockets
    nowhere = KafkaSettings(bootstrap_servers=f"127.0.0.1:{choose_port()}", request_timeout_seconds=0.3)
    process = psutil.Process()
    before = process.num_threads(), process.num_fds()
    for _ in range(3):
        with pytest.raises(Unavailable, match="bootstrap"):
            make(nowhere)
    gc.collect()
    assert (process.num_threads(), process.num_fds()) == before
