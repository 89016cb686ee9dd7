"""The simulator on a real Kafka: what it writes, that it goes on, and that it is alone."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from kafka.errors import OutOfOrderSequenceNumberError

from orderbook.config import KafkaSettings, settings
from orderbook.simulator.market import GRID
from orderbook.simulator.options import parse
from orderbook.simulator.run import Run
from orderbook.stream.producer import LogProducer, T
from orderbook.stream.topics import TopicClient
from orderbook.tick import OrderBookTick, decode
from tests.integration.simulators import (
    Log,
    as_ledger,
    chains,
    from_ledger,
    ledger_of,
    length,
    read_log,
    run,
    simulator,
)
from tests.servers import RunningServers

Eventually = Callable[..., None]


@pytest.fixture
def no_topic(servers: RunningServers, topic: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Settings, here and in children, of a topic that is not there yet; and no store."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers.kafka_bootstrap)
    monkeypatch.setenv("ORDERBOOK_KAFKA__TOPIC", topic)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/nowhere")
    settings.cache_clear()
    yield topic
    settings.cache_clear()


@pytest.fixture
def raw(no_topic: str) -> str:
    """The topic of this test, made."""
    with TopicClient(settings().kafka) as client:
        client.create()
    return no_topic


def quotes(log: Log) -> dict[str, list[tuple[Decimal | None, ...]]]:
    found: dict[str, list[tuple[Decimal | None, ...]]] = {}
    for records in log.values():
        for record in records:
            tick = OrderBookTick.model_validate(decode(record.value or b""))
            quote = (tick.bid_price, tick.ask_price, tick.bid_volume, tick.ask_volume)
            found.setdefault(tick.symbol, []).append(quote)
    return found


def test_it_says_what_it_does_and_does_it(raw: str, tmp_path: Path) -> None:
    one = run(tmp_path / "one", "--symbols", "TTF-GAS,NBP-GAS", "--count", "6")
    assert one.said[0] == f"Connecting to Kafka at {settings().kafka.bootstrap_servers}"
    assert one.said[1:3] == [f"Producing ticks for symbol '{s}' every 0.05 seconds" for s in ("TTF-GAS", "NBP-GAS")]
    assert one.said[-1] == "Stopped: 6 ticks acknowledged"
    records = [record for records in read_log().values() for record in records]
    assert {(record.value or b"").decode() for record in records} == set(one.ticks)
    assert {record.version for record in records} == {b"1"}
    assert {(r.key, json.loads(r.value or b"")["sequence_id"]) for r in records} == {
        (symbol, number) for symbol in (b"TTF-GAS", b"NBP-GAS") for number in (1, 2, 3)
    }
    for record in records:
        tick = OrderBookTick.model_validate(decode(record.value or b""))
        assert tick.event_time <= tick.received_time
        assert record.broker_time is not None
        assert abs((record.broker_time - tick.event_time).total_seconds()) < 30


def test_ids_and_prices_go_on_after_a_restart(raw: str, tmp_path: Path) -> None:
    for _ in range(3):
        run(tmp_path / "one", "--symbols", "TTF-GAS,NBP-GAS", "--count", "40", "--interval", "0.001")
    log = read_log()
    assert chains(log) == {symbol: list(range(1, 61)) for symbol in ("TTF-GAS", "NBP-GAS")}
    for walk in quotes(log).values():
        bids = [bid for bid, *_ in walk if bid is not None]
        assert max(abs(a - b) for a, b in pairwise(bids)) <= 2 * GRID


def test_ids_go_on_after_faults_that_hide_them(raw: str, tmp_path: Path) -> None:
    ledger = tmp_path / "sent"
    flags = ("--count", "20", "--interval", "0.001", "--ledger", str(ledger), "--force")
    for fault in ("malformed:100%", "malformed:50%", "crossed:100%", "malformed:100%"):
        run(tmp_path / "one", *flags, "--fault", fault)
    assert [line["sequence_id"] for line in ledger_of(ledger)] == list(range(1, 81))


def test_the_same_seed_gives_the_same_prices_again(raw: str, tmp_path: Path) -> None:
    for _ in range(2):
        run(tmp_path / "one", "--count", "50", "--interval", "0.001", "--seed", "11")
    (walk,) = quotes(read_log()).values()
    assert walk[:50] == walk[50:]


def test_the_ledger_equals_the_log_and_tells_every_fault(raw: str, tmp_path: Path) -> None:
    ledger = tmp_path / "sent"
    shares = "malformed:5%,crossed:3%,late:2%"
    flags = ("--symbols", "A,B,C,D,E,F,G", "--count", "20000", "--interval", "0.0001", "--fault", shares)
    one = run(tmp_path / "one", *flags, "--ledger", str(ledger))
    assert one.acknowledged() == 20_000
    assert from_ledger(ledger) == as_ledger(read_log())
    lines = ledger_of(ledger)
    for kind, share in (("malformed", 0.05), ("crossed", 0.03), ("late", 0.02)):
        faults = [line for line in lines if line["fault"] == kind]
        assert 0.7 * share < len(faults) / 20_000 < 1.3 * share
        assert all(line["reason"] for line in faults)
    assert {line["reason"] for line in lines if line["fault"] is None} == {None}
    ids = sorted((line["symbol"], line["sequence_id"]) for line in lines)
    assert ids == [(s, n + 1) for i, s in enumerate("ABCDEFG") for n in range(20_000 // 7 + (i < 20_000 % 7))]


def test_a_second_simulator_of_a_symbol_is_refused(raw: str, tmp_path: Path, eventually: Eventually) -> None:
    with simulator(tmp_path / "one", "--symbols", "TTF-GAS,NBP-GAS") as one:
        eventually(lambda: len(one.ticks) > 3)
        with simulator(tmp_path / "two", "--symbols", "NBP-GAS,PEG-GAS") as two:
            assert two.end() == 1
        assert "simulator: a simulator of NBP-GAS is already running" in two.told.splitlines()[-1]
        assert "Traceback" not in two.told
        assert two.ticks == []
        run(tmp_path / "other", "--symbols", "PEG-GAS", "--count", "3")
        run(tmp_path / "forced", "--symbols", "NBP-GAS", "--count", "3", "--force")
        assert one.terminate() == 0
    run(tmp_path / "after", "--symbols", "NBP-GAS", "--count", "3")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_what_was_sent(
    raw: str, tmp_path: Path, eventually: Eventually, number: signal.Signals
) -> None:
    ledger = tmp_path / "sent"
    with simulator(tmp_path / "one", "--interval", "0.0002", "--ledger", str(ledger)) as one:
        eventually(lambda: len(one.ticks) > 10)
        one.child.send_signal(number)
        assert one.terminate(number) == 0  # as `timeout` does: to the process, and to its group
    log = read_log()
    assert one.acknowledged() == length(log) > 100
    assert from_ledger(ledger) == as_ledger(log)
    (chain,) = chains(log).values()
    assert chain == list(range(1, len(chain) + 1))


def test_high_rates_are_shown_in_samples_and_it_says_so_once(raw: str, tmp_path: Path) -> None:
    one = run(tmp_path / "one", "--interval", "0.001", "--duration", "2")
    assert sum("showing up to 10" in line for line in one.said) == 1
    assert 10 <= len(one.ticks) <= 25
    assert one.acknowledged() > 1_000


def test_it_waits_for_its_topic(no_topic: str, tmp_path: Path, eventually: Eventually) -> None:
    with simulator(tmp_path / "one", "--count", "3") as one:
        eventually(lambda: "is not there" in one.told)
        with TopicClient(settings().kafka) as client:
            client.create()
        assert one.end() == 0
    assert length(read_log()) == 3


def test_it_can_be_stopped_while_it_waits(no_topic: str, tmp_path: Path, eventually: Eventually) -> None:
    with simulator(tmp_path / "one") as one:
        eventually(lambda: "is not there" in one.told)
        assert one.terminate() == 0
    assert one.acknowledged() == 0


def test_without_a_tick_anywhere_ids_begin_at_1_and_an_absent_store_is_told(raw: str, tmp_path: Path) -> None:
    one = run(tmp_path / "one", "--count", "2")
    assert "the store cannot be asked" in one.told
    assert chains(read_log()) == {"TTF-GAS": [1, 2]}


def test_a_topic_made_again_is_gone_on_with(raw: str, tmp_path: Path, eventually: Eventually) -> None:
    with simulator(tmp_path / "one", "--interval", "0.02") as one:
        eventually(lambda: len(one.ticks) > 20)
        with TopicClient(settings().kafka) as client:
            client._admin.delete_topics([raw])
            eventually(client.create)
        eventually(lambda: length(read_log()) > 20)
        assert one.terminate() == 0
    (chain,) = chains(read_log()).values()
    assert chain[0] > 1
    assert chain == list(range(chain[0], chain[0] + len(chain)))


def test_after_a_failed_send_it_starts_again_from_what_the_log_has(
    raw: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[object] = []

    class FailsAtFirst(LogProducer[T]):
        def __init__(
            self, kafka: KafkaSettings, acknowledged: Callable[[T, int, int], None], linger_seconds: float
        ) -> None:
            super().__init__(kafka, acknowledged, linger_seconds)
            made.append(self)

        def send(self, key: bytes, value: bytes, tag: T) -> None:
            if len(made) == 1 and b'"sequence_id":70}' in value:
                self._failed(OutOfOrderSequenceNumberError())
            super().send(key, value, tag)

    monkeypatch.setattr("orderbook.simulator.run.LogProducer", FailsAtFirst)
    options = parse(["--symbols", "A,B,C", "--interval", "0.0001", "--count", "600"], settings().simulator)

    async def finish() -> int:
        return await Run(settings().kafka, options).finish()

    assert asyncio.run(finish()) == 0
    assert len(made) == 2
    assert "OutOfOrderSequenceNumberError" in caplog.text
    log = read_log()
    assert length(log) >= 600  # more where records arrived whose acknowledgement was lost with the producer
    for chain in chains(log).values():
        assert chain == list(range(1, len(chain) + 1))


def test_a_reader_of_its_lines_that_leaves_ends_it_quietly(raw: str) -> None:
    command = f"{sys.executable} -m orderbook.simulator --interval 0.01 | head -n 4"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 4
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def test_a_ledger_that_cannot_be_opened_is_told_in_a_line(raw: str, tmp_path: Path) -> None:
    with simulator(tmp_path / "one", "--ledger", str(tmp_path)) as one:
        assert one.end() == 2
    assert one.told.count("\n") == 1
    assert "--ledger" in one.told
