"""The simulator when its broker goes away, and the log when the simulator does."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orderbook.config import settings
from orderbook.embedded.folder import DataFolder
from orderbook.embedded.process import wait_until
from orderbook.embedded.servers import Servers, servers_in
from orderbook.stream.topics import TopicClient
from tests.integration.simulators import Log, as_ledger, chains, from_ledger, length, read_log, run, simulator
from tests.servers import new_data_dir

Eventually = Callable[..., None]
AWAY, BACK = "Kafka is away: the market pauses", "Kafka is back: the market goes on"


@dataclass(frozen=True)
class Broker:
    """A Kafka of this module's own: others of the run must not see it fail."""

    fleet: Servers

    def start(self) -> None:
        process = self.fleet.launch(self.fleet.kafka)
        wait_until(self.fleet.kafka.is_ready, process, 60)

    def kill(self) -> None:
        self.fleet.running["kafka"].kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        kafka = self.fleet.running["kafka"]
        kafka._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            kafka._signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    path = new_data_dir()
    broker = Broker(servers_in(DataFolder(path), standard_ports=False, quick=True))
    try:
        broker.start()
        yield broker
    finally:
        broker.fleet.stop()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def broker(own_broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A broker with the topic of this test; settings, here and in children, name both."""
    if own_broker.fleet.running["kafka"].exit_code is not None:
        own_broker.start()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", own_broker.fleet.kafka.bootstrap_servers)
    monkeypatch.setenv("ORDERBOOK_KAFKA__TOPIC", topic)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/nowhere")
    settings.cache_clear()
    with TopicClient(settings().kafka) as client:
        client.create()
    yield own_broker
    settings.cache_clear()


def assert_whole(ledger: Path) -> None:
    """What was acknowledged is in the log, nothing else is, and no id is missing or stands twice."""
    log = read_log()
    assert from_ledger(ledger) == as_ledger(log)
    assert_unbroken(log)


def assert_unbroken(log: Log) -> None:
    """No id is missing or stands twice."""
    for chain in chains(log).values():
        assert chain == list(range(1, len(chain) + 1))


def test_a_killed_broker_pauses_the_market_and_nothing_acknowledged_is_lost(
    broker: Broker, tmp_path: Path, eventually: Eventually
) -> None:
    ledger = tmp_path / "sent"
    flags = ("--symbols", "A,B,C,D", "--interval", "0.0005", "--ledger", str(ledger))
    with simulator(tmp_path / "one", *flags) as one, simulator(tmp_path / "two", "--symbols", "E") as two:
        eventually(lambda: len(one.ticks) > 10 and len(two.ticks) > 10)
        broker.kill()
        eventually(lambda: AWAY in one.told and AWAY in two.told)
        with simulator(tmp_path / "late", "--symbols", "F", "--count", "3") as late:
            eventually(lambda: late.told.count("Kafka is not ready") > 1)
            broker.start()
            assert late.end() == 0
        eventually(lambda: BACK in one.told and BACK in two.told)
        shown = len(one.ticks)
        eventually(lambda: len(one.ticks) > shown + 10)
        assert one.terminate() == two.terminate() == 0
    for each in (one, two):
        assert (each.told.count(AWAY), each.told.count(BACK)) == (1, 1)
    log = read_log()
    assert one.acknowledged() + two.acknowledged() + 3 == length(log)
    assert from_ledger(ledger) == {record for record in as_ledger(log) if record[2] in "ABCD"}
    assert_unbroken(log)


def test_while_the_broker_is_frozen_no_tick_comes_into_being(
    broker: Broker, tmp_path: Path, eventually: Eventually
) -> None:
    ledger = tmp_path / "sent"
    with simulator(tmp_path / "one", "--interval", "0.05", "--ledger", str(ledger)) as one:
        eventually(lambda: len(one.ticks) > 10)
        with broker.frozen():
            eventually(lambda: AWAY in one.told)
            made = len(one.ticks)
            ends = time.monotonic() + 2
            eventually(lambda: time.monotonic() > ends)
            assert len(one.ticks) == made
        eventually(lambda: BACK in one.told)
        goes_on = time.monotonic()
        eventually(lambda: len(one.ticks) > made + 20)
        assert time.monotonic() - goes_on > 0.8  # at its pace: the pause is not caught up
        assert one.terminate() == 0
    assert_whole(ledger)


def test_requests_that_time_out_are_sent_again_and_stored_once(
    broker: Broker, tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERBOOK_KAFKA__REQUEST_TIMEOUT_SECONDS", "1")
    ledger = tmp_path / "sent"
    flags = ("--symbols", "A,B,C", "--count", "60000", "--interval", "0.00001", "--ledger", str(ledger))
    with simulator(tmp_path / "one", *flags) as one:
        eventually(lambda: len(one.ticks) > 5)
        with broker.frozen():
            eventually(lambda: AWAY in one.told)
            ends = time.monotonic() + 3  # three timeouts
            eventually(lambda: time.monotonic() > ends)
        assert one.end() == 0
    assert one.acknowledged() == length(read_log()) == 60_000
    assert_whole(ledger)


def test_it_stops_although_the_broker_is_away_and_tells_what_is_open(
    broker: Broker, tmp_path: Path, eventually: Eventually
) -> None:
    ledger = tmp_path / "sent"
    with simulator(tmp_path / "one", "--interval", "0.05", "--ledger", str(ledger)) as one:
        eventually(lambda: len(one.ticks) > 10)
        with broker.frozen():
            eventually(lambda: AWAY in one.told)
            assert one.terminate(seconds=20) == 0
    assert "not acknowledged" in one.said[-1]
    run(tmp_path / "two", "--count", "20", "--ledger", str(ledger))
    log = read_log()
    assert from_ledger(ledger) <= as_ledger(log)
    (chain,) = chains(log).values()
    assert chain == list(range(1, len(chain) + 1))


def test_asked_twice_it_stops_at_once(broker: Broker, tmp_path: Path, eventually: Eventually) -> None:
    with simulator(tmp_path / "one", "--interval", "0.05") as one:
        eventually(lambda: len(one.ticks) > 10)
        with broker.frozen():
            eventually(lambda: AWAY in one.told)
            one.child.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                one.end(seconds=1)
            assert one.terminate(signal.SIGINT, seconds=1) == 130


def test_a_killed_simulator_is_gone_on_from(broker: Broker, tmp_path: Path, eventually: Eventually) -> None:
    ledger = tmp_path / "sent"
    flags = ("--symbols", "A,B,C", "--interval", "0.001", "--ledger", str(ledger))
    with simulator(tmp_path / "one", *flags) as one:
        eventually(lambda: len(one.ticks) > 10)
        one.terminate(signal.SIGKILL)
    run(tmp_path / "two", *flags, "--count", "30")
    log = read_log()
    assert from_ledger(ledger) <= as_ledger(log)
    for chain in chains(log).values():
        assert chain == list(range(1, len(chain) + 1))
