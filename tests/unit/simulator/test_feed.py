"""The feed over a broker in memory: how much is on its way, when the market pauses, what is caught up."""

import asyncio
import logging
import time
from collections.abc import Callable
from threading import Condition

import pytest

from orderbook.simulator import feed as feed_module
from orderbook.simulator.console import Console
from orderbook.simulator.disorder import Disorder
from orderbook.simulator.faults import Faults, parse_shares
from orderbook.simulator.feed import Feed, OneThread
from orderbook.simulator.ledger import Sent
from orderbook.simulator.market import Market
from orderbook.stream.producer import MOST_UNACKNOWLEDGED


class MemoryBroker:
    """What ``Feed`` asks of a producer. Acknowledges at once, or nothing while ``away``."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.away = False
        self.unacknowledged = 0
        self.most = 0
        self._silent_since = 0.0
        self._changed = Condition()

    def send(self, key: bytes, value: bytes, tag: Sent) -> None:
        assert key == tag.symbol.encode()
        assert value == tag.value
        with self._changed:
            self.sent.append(tag)
            if self.away:
                self._silent_since = self._silent_since or time.monotonic()
                self.unacknowledged += 1
            self.most = max(self.most, self.unacknowledged)

    @property
    def silent_seconds(self) -> float:
        return time.monotonic() - self._silent_since if self.unacknowledged else 0.0

    def wait_until(self, at_most: int, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.unacknowledged <= at_most, seconds)

    def come_back(self) -> None:
        with self._changed:
            self.away, self.unacknowledged, self._silent_since = False, 0, 0.0
            self._changed.notify_all()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(feed_module, "LOOK_SECONDS", 0.01)


def run(
    broker: MemoryBroker,
    period: float,
    at_most: int | None,
    meanwhile: Callable[[asyncio.Event], None],
    shares: str = "",
) -> None:
    """Feed ``broker`` while ``meanwhile`` runs on a thread of its own."""

    async def main() -> None:
        stopped, thread = asyncio.Event(), OneThread()
        market, faults = Market(["A", "B"], 1, {}), Faults(parse_shares(shares), 1)
        feed = Feed(broker, Disorder(market, faults, 45), Console(period), thread, stopped)  # type: ignore[arg-type]
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        stop.set = lambda: loop.call_soon_threadsafe(stopped.set)  # type: ignore[assignment,method-assign,return-value]
        other = asyncio.create_task(asyncio.to_thread(meanwhile, stop))
        await feed.send(market.pace(time.monotonic(), period), at_most)
        await feed.finish()
        await other
        thread.close()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_count_is_sent_exactly() -> None:
    broker = MemoryBroker()
    run(broker, 1e-5, 12_345, lambda stop: None)
    assert [(s.symbol, s.sequence_id) for s in broker.sent] == [("AB"[n % 2], n // 2 + 1) for n in range(12_345)]


@pytest.mark.parametrize("count", [1, 2, 999, 1_000])
def test_a_count_is_sent_exactly_whatever_goes_wrong(count: int) -> None:
    broker = MemoryBroker()
    run(broker, 1e-5, count, lambda stop: None, "reorder:40%,repeat:20%,gap:20%,reset:10%,malformed:5%")
    assert len(broker.sent) == count
    late = [n for n, sent in enumerate(broker.sent) if sent.fault and sent.fault.kind == "reorder"]
    assert all(broker.sent[n - 1].sequence_id == broker.sent[n].sequence_id + 1 for n in late)
    assert late or count < 10


def test_what_is_on_its_way_is_bounded(eventually: Callable[..., None]) -> None:
    broker = MemoryBroker()
    broker.away = True

    def meanwhile(stop: asyncio.Event) -> None:
        eventually(lambda: len(broker.sent) >= MOST_UNACKNOWLEDGED or broker.silent_seconds > 1)
        broker.come_back()

    run(broker, 1e-6, 30_000, meanwhile)
    assert len(broker.sent) == 30_000
    assert broker.most <= MOST_UNACKNOWLEDGED


def test_the_market_pauses_once_and_says_so_once(
    eventually: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    broker = MemoryBroker()

    def meanwhile(stop: asyncio.Event) -> None:
        eventually(lambda: len(broker.sent) > 10)
        broker.away = True
        eventually(lambda: "away" in caplog.text)
        made = len(broker.sent)
        eventually(lambda: broker.silent_seconds > 0.5)
        assert len(broker.sent) == made
        broker.come_back()
        eventually(lambda: len(broker.sent) > made + 10)
        assert len(broker.sent) < made + 100  # what was due meanwhile is not sent in a burst
        stop.set()

    run(broker, 0.002, None, meanwhile)
    assert [record.message.split(":")[0] for record in caplog.records] == ["Kafka is away", "Kafka is back"]


def test_a_stop_ends_a_pause(eventually: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    broker = MemoryBroker()
    broker.away = True

    def meanwhile(stop: asyncio.Event) -> None:
        eventually(lambda: "away" in caplog.text)
        stop.set()

    run(broker, 0.001, None, meanwhile)
    assert "back" not in caplog.text


def test_this_process_standing_still_is_not_told_as_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    broker = MemoryBroker()
    broker.away = True
    answers = iter([True])
    wait_until = broker.wait_until

    def back_at_the_first_look(at_most: int, seconds: float) -> bool:
        if next(answers, False):
            broker.come_back()
        return wait_until(at_most, seconds)

    broker.wait_until = back_at_the_first_look  # type: ignore[method-assign]
    run(broker, 0.001, 200, lambda stop: None)
    assert len(broker.sent) == 200
    assert caplog.text == ""
