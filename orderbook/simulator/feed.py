"""The feed: sends what the market says, when it is due, as fast as the broker takes it."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from orderbook.clock import monotonic, utc_now
from orderbook.simulator.console import Console
from orderbook.simulator.disorder import Disorder
from orderbook.simulator.ledger import Sent
from orderbook.simulator.schedule import Pace
from orderbook.stream.producer import MOST_UNACKNOWLEDGED, LogProducer

log = logging.getLogger(__name__)

BURST = 500  # ticks handed over in one go: enough to cost no rate, few enough to stop at once
PATIENCE_SECONDS = 2.0  # a broker that acknowledges nothing for longer is away
LOOK_SECONDS = 0.25  # a wait looks up this often
SHORTEST_WAIT_SECONDS = 0.001  # ticks that are due within it are made together
LINGER_SECONDS = 0.1  # what is made within it goes in one request: a request costs several times what a tick does

T = TypeVar("T")


class OneThread:
    """Where everything that blocks runs, in turn, so that the event loop never does."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "feed")

    async def __call__(self, function: Callable[..., T], *arguments: object) -> T:
        """Run ``function`` there and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    def close(self) -> None:
        """Take no more work."""
        self._executor.shutdown(wait=False)


@dataclass(frozen=True, slots=True)
class Feed:
    """Sends the records of one market through one producer.

    At most ``MOST_UNACKNOWLEDGED`` ticks are on their way; while the broker is away no tick comes into being.
    """

    producer: LogProducer[Sent]
    records: Disorder
    console: Console
    in_thread: OneThread
    stopped: asyncio.Event

    async def send(self, pace: Pace, at_most: int | None) -> None:
        """Send records when they are due until told to stop, or ``at_most`` are sent.

        Catches up where it fell behind, except with what was due while the broker was away. Raises ``Unavailable`` or
        ``ConfigError`` when the producer failed.
        """
        turns, left = 0, at_most
        while not self.stopped.is_set() and left != 0:
            wait = pace.at(turns) - monotonic()
            if self.producer.silent_seconds > PATIENCE_SECONDS:
                pace.shift(await self._sit_out())
            elif wait > LOOK_SECONDS:
                await wait_for(self.stopped, wait)
            elif self._room <= 0:
                await self.in_thread(self.producer.wait_until, MOST_UNACKNOWLEDGED - BURST, LOOK_SECONDS)
            else:
                taken, sent = await self.in_thread(self._send_on_time, pace, turns, left)
                turns += taken
                left = None if left is None else left - sent

    async def finish(self) -> None:
        """Wait until all is acknowledged, or until told to stop. Raises as ``send`` does."""
        while not self.stopped.is_set() and self.producer.unacknowledged:
            if self.producer.silent_seconds > PATIENCE_SECONDS:
                await self._sit_out()
            else:
                await self.in_thread(self.producer.wait_until, 0, LOOK_SECONDS)

    async def _sit_out(self) -> float:
        began = monotonic()
        if await self.in_thread(self.producer.wait_until, 0, LOOK_SECONDS):
            return 0.0  # it was this process that stood still
        log.warning("Kafka is away: the market pauses, %d ticks wait to be acknowledged", self.producer.unacknowledged)
        back = False
        while not back and not self.stopped.is_set():
            back = await self.in_thread(self.producer.wait_until, 0, LOOK_SECONDS)
        paused = monotonic() - began
        if back:
            log.warning("Kafka is back: the market goes on after a pause of %.1f s", paused)
        return paused

    @property
    def _room(self) -> int:
        return MOST_UNACKNOWLEDGED - self.producer.unacknowledged

    def _send_on_time(self, pace: Pace, turns: int, at_most: int | None) -> tuple[int, int]:
        """Take the turns that come due until the next look, beyond the first ``turns``; returns turns and records.

        The thread waits for each by itself: to hand every one over costs more than to make it.
        """
        until = monotonic() + LOOK_SECONDS
        taken = sent = 0
        while not self.stopped.is_set() and sent != at_most and (now := monotonic()) < until:
            left = None if at_most is None else at_most - sent
            due = pace.behind(turns + taken, now, BURST if left is None else min(BURST, left))
            if due <= 0:
                time.sleep(max(min(pace.at(turns + taken), until) - now, SHORTEST_WAIT_SECONDS))
            elif (room := self._room) <= 0:
                break
            else:
                more = self._send(min(due, room), left)
                taken, sent = taken + more[0], sent + more[1]
        return taken, sent

    def _send(self, turns: int, at_most: int | None) -> tuple[int, int]:
        """Take turns, and one more where two records must not be parted; returns turns and records."""
        taken = sent = 0
        while taken < turns or self.records.owes:
            left = turns - taken if at_most is None else min(turns - taken, at_most - sent)
            record = self.records.next(utc_now, most=left)
            taken += 1
            if record is not None:
                self.console.sending(record.value, monotonic())
                self.producer.send(record.symbol.encode(), record.value, record)
                sent += 1
        return taken, sent


async def wait_for(stopped: asyncio.Event, seconds: float) -> None:
    """Wait ``seconds``, or less when told to stop."""
    try:
        await asyncio.wait_for(stopped.wait(), max(0.0, seconds))
    except TimeoutError:
        return
