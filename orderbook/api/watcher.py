"""A thread that keeps asking one service, so that no request waits for it to be told whether it is there."""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import structlog

from orderbook.clock import monotonic
from orderbook.logs import Outage

T_co = TypeVar("T_co", covariant=True)
S = TypeVar("S")

BUSY_SHARE = 0.1  # of a watcher's time, at most: a large market is looked at less often

log = structlog.get_logger(__name__)


class Watched(Protocol[T_co]):
    """Something to ask."""

    name: str

    def look(self) -> T_co:
        """How it stands now. Blocks for some seconds at most; raises where the service is away."""

    def close(self) -> None:
        """Close the connections; the next look makes new ones."""


class Watcher(threading.Thread, Generic[S]):
    """Asks until told to end. ``told`` is called in this thread with each answer."""

    def __init__(
        self, source: Watched[S], interval: float, stale_after: float, told: Callable[[S], None] | None = None
    ) -> None:
        super().__init__(name=f"watch-{source.name}", daemon=True)
        self.source = source
        self._interval = interval
        self._stale_after = stale_after
        self._told = told
        self._ending = threading.Event()
        self._heard: tuple[float, S] | None = None
        self._trouble: str | None = "not asked yet"
        self._outage = Outage(log, f"{source.name} is away")
        self.looked = threading.Event()  # once at least

    def run(self) -> None:
        """Ask again and again."""
        while not self._ending.is_set():
            began = monotonic()
            self._look()
            took = monotonic() - began
            self._ending.wait(max(self._interval - took, took / BUSY_SHARE if took > self._interval / 2 else 0))
        self.source.close()

    def _look(self) -> None:
        try:
            answer = self.source.look()
        except Exception as error:  # noqa: BLE001 - a watcher that ends would show an outage for ever
            self._trouble = " ".join(str(error).split())[:300] or type(error).__name__
            self._outage.goes_on(error)
            self.source.close()
        else:
            self._heard, self._trouble = (monotonic(), answer), None
            self._outage.is_over()
            if self._told is not None:
                self._told(answer)
        self.looked.set()

    @property
    def trouble(self) -> str | None:
        """Why there is no fresh answer; None while there is one."""
        if self._trouble is None and self.latest() is None:
            return f"no answer for {self._stale_after:g} s"
        return self._trouble

    def latest(self) -> S | None:
        """The newest answer, unless it is stale or the last question failed."""
        heard = self._heard
        if heard is None or self._trouble is not None or monotonic() - heard[0] > self._stale_after:
            return None
        return heard[1]

    def last(self) -> S | None:
        """The newest answer, however old."""
        return None if self._heard is None else self._heard[1]

    def end(self) -> None:
        """Ask the thread to end; it does after its present look."""
        self._ending.set()
