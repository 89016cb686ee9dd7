"""One run of the simulator: open, send, and open again when the broker failed us."""

import asyncio
import logging
from collections.abc import Mapping
from random import SystemRandom

from orderbook import metrics
from orderbook.clock import monotonic, utc_now
from orderbook.errors import AlreadyRunning, OrderbookError, Unavailable
from orderbook.sections import KafkaSettings
from orderbook.simulator.console import Console
from orderbook.simulator.disorder import Disorder
from orderbook.simulator.faults import Faults
from orderbook.simulator.feed import LINGER_SECONDS, LOOK_SECONDS, Feed, OneThread, wait_for
from orderbook.simulator.ledger import Ledger, Sent
from orderbook.simulator.market import Market, Opening
from orderbook.simulator.opening import arrived, openings, watch_seconds
from orderbook.simulator.options import Options
from orderbook.simulator.power import PowerMarket
from orderbook.stream.producer import LogProducer
from orderbook.stream.tail import LogTail

log = logging.getLogger(__name__)

FLUSH_SECONDS = 10.0  # what is not acknowledged when we are told to stop gets this long
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0)
PROGRESS_SECONDS = 30.0


class Run:
    """Sends what the options ask for, however often the broker goes away meanwhile."""

    def __init__(self, kafka: KafkaSettings, options: Options, ledger: Ledger | None = None) -> None:
        self._kafka = kafka
        self._options = options
        self._console = Console(options.period)
        self._seed = SystemRandom().getrandbits(63) if options.seed is None else options.seed
        self._faults = Faults(options.shares, self._seed)
        self._market: Market | None = None
        self._unheard: dict[str, int] = {}  # the first id of symbols of which nothing was acknowledged
        self._ledger = ledger
        self._in_thread = OneThread()
        self._stopped = asyncio.Event()
        self._broken: OrderbookError | None = None
        self._acknowledged = 0
        self._unacknowledged = 0

    def stop(self) -> None:
        """Send nothing more: flush, and end."""
        self._stopped.set()

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopped.is_set()

    async def finish(self) -> int:
        """Send until all is sent or ``stop`` is called; returns how many ticks were sent and not acknowledged.

        Waits for a broker that is away for as long as it takes. Every acknowledged tick is in the ledger when this
        returns. Raises ``AlreadyRunning`` where another simulator lives, ``ConfigError`` where the broker does not let
        us write, ``OrderbookError`` where the ledger cannot be written.
        """
        self._console.connecting(self._kafka.bootstrap_servers)
        reporting = asyncio.create_task(self._report())
        try:
            await self._sessions()
        finally:
            reporting.cancel()
            await self._in_thread(self._write_out)
            self._in_thread.close()
        self._console.stopped(self._acknowledged, self._unacknowledged)
        if self._broken is not None:
            raise self._broken
        return self._unacknowledged

    async def _sessions(self) -> None:
        failures = 0
        while not self.stopping and self._acknowledged != self._options.count:
            before = self._acknowledged
            try:
                await self._session()
            except Unavailable as error:
                failures = 0 if self._acknowledged > before else failures
                wait = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
                failures += 1
                log.warning("Kafka is not ready: %s%s", error, "" if self.stopping else f"; trying again in {wait:g} s")
                await wait_for(self._stopped, wait)

    async def _session(self) -> None:
        market = await self._open()
        if self.stopping:
            return
        left = None if self._options.count is None else self._options.count - self._acknowledged
        producer = await self._in_thread(LogProducer[Sent], self._kafka, self._on_acknowledged, LINGER_SECONDS)
        disorder = Disorder(market, self._faults, self._options.stall_seconds)
        feed = Feed(producer, disorder, self._console, self._in_thread, self._stopped)
        try:
            await feed.send(market.pace(monotonic(), self._options.period), left)
            await feed.finish()
            if self.stopping:
                await self._in_thread(producer.wait_until, 0, FLUSH_SECONDS)
        finally:
            self._unacknowledged = producer.unacknowledged
            await self._in_thread(producer.close)

    async def _open(self) -> Market:
        tail = await self._in_thread(LogTail.of, self._kafka)
        try:
            if self._market is None:
                self._market = await self._opened(tail)
            else:  # the broker failed us
                there = await self._in_thread(arrived, self._market.symbols, tail)
                self._market.go_on_from({**self._unheard, **there})
        finally:
            await self._in_thread(tail.close)
        return self._market

    async def _opened(self, tail: LogTail) -> Market:
        began, ends = monotonic(), await self._in_thread(tail.ends)
        found = await self._in_thread(openings, self._options.symbols, tail)
        if not self._options.force:
            await wait_for(self._stopped, began + watch_seconds(self._options.interval) - monotonic())
            self._refuse(await self._in_thread(tail.heard_since, ends, self._options.symbols))
        if self._options.seed is not None:  # the same seed, the same prices: they cannot go on from the last ones
            found = {symbol: Opening(opening.sequence_id) for symbol, opening in found.items()}
        if not self.stopping:
            self._console.producing(self._options)
        if self._options.duration is not None:
            asyncio.get_running_loop().call_later(self._options.duration, self.stop)
        self._unheard = {symbol: opening.sequence_id for symbol, opening in found.items()}
        return self._made(found)

    def _made(self, found: Mapping[str, Opening]) -> Market:
        if self._options.market == "uniform":
            return Market(self._options.symbols, self._seed, found)
        if self._options.areas:
            return PowerMarket(self._options.areas, self._seed, found, utc_now)
        from orderbook.simulator.calibrated import CalibratedMarket  # noqa: PLC0415 - NumPy, only where it is used

        return CalibratedMarket(self._options.symbols, self._seed, found, 1 / self._options.period)

    def _refuse(self, heard: set[str]) -> None:
        if heard:
            raise AlreadyRunning(
                f"a simulator of {', '.join(sorted(heard))} is already running (its ticks arrive now): stop it, "
                "choose other --symbols, or start beside it with --force"
            )

    def _on_acknowledged(self, sent: Sent, partition: int, offset: int) -> None:
        self._acknowledged += 1
        self._unheard.pop(sent.symbol, None)
        metrics.TICKS_PRODUCED.count()
        if self._ledger:
            self._ledger.acknowledged(sent, partition, offset)

    async def _report(self) -> None:
        told_at, told = monotonic(), 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._in_thread(self._write_out)
            if (seconds := monotonic() - told_at) >= PROGRESS_SECONDS and self._acknowledged > told:
                rate = (self._acknowledged - told) / seconds
                log.info("%d ticks acknowledged, %.1f a second", self._acknowledged, rate)
                told_at, told = monotonic(), self._acknowledged

    def _write_out(self) -> None:
        try:
            if self._ledger and self._broken is None:
                self._ledger.write_out()
        except OSError as error:
            self._broken = OrderbookError(f"the ledger {self._options.ledger} cannot be written: {error}")
            self.stop()
