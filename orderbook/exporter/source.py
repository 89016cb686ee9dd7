"""A source of figures, and the thread that keeps asking it."""

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from orderbook.clock import monotonic
from orderbook.logs import Outage
from orderbook.metrics import Metric

Sample = tuple[Metric, tuple[str, ...], float]  # with the label values, in the order of their declaration

log = structlog.get_logger(__name__)


class Source(Protocol):
    """Something that is asked for figures."""

    name: str

    def look(self) -> list[Sample]:
        """All figures of now. Blocks for some seconds at most; raises where the source is away."""

    def close(self) -> None:
        """Close the connections; they are made again when the next look needs them."""


class Poller(threading.Thread):
    """Asks one source again and again. What it last heard is forgotten at a failure, and when it becomes old.

    A figure that stands still while its source is away looks like health: no series is better than a frozen one.
    """

    def __init__(
        self, source: Source, interval: float, stale_after: float, clock: Callable[[], float] = monotonic
    ) -> None:
        super().__init__(name=f"poll-{source.name}", daemon=True)
        self.source = source
        self._interval = interval
        self._stale_after = stale_after
        self._clock = clock
        self._ending = threading.Event()
        self._heard: tuple[float, list[Sample]] | None = None
        self._outage = Outage(log, f"{source.name} is away")

    def run(self) -> None:
        """Ask until told to end."""
        while not self._ending.is_set():
            self.look()
            self._ending.wait(self._interval)
        self.source.close()

    def look(self) -> None:
        """Ask once. The thread outlives whatever a client library raises: the next look may succeed."""
        try:
            samples = self.source.look()
        except Exception as error:  # noqa: BLE001 - an exporter that ends hides the very outage it is to show
            self._heard = None
            self._outage.goes_on(error)
            self.source.close()
        else:
            self._heard = (self._clock(), samples)
            self._outage.is_over()

    def latest(self) -> list[Sample] | None:
        """What the source said last; None while it is away or has not answered for long, though it may be tried."""
        heard = self._heard
        return heard[1] if heard is not None and self._clock() - heard[0] <= self._stale_after else None

    def end(self) -> None:
        """Ask the thread to end; it does after its present look."""
        self._ending.set()
