"""Ctrl-C, SIGTERM and a closed terminal, as a count that is looked at between two steps."""

import signal
import time
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping(Exception):
    """Somebody asked us to stop."""


class Interrupts:
    """Counts what asks us to stop. One asks for a clean stop, two for an immediate one.

    An exception out of a signal handler could land between starting a child and remembering it.
    """

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        heard = [number for number in SIGNALS if not (number is signal.SIGHUP and is_nohup)]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself returned

    def pause(self, seconds: float) -> None:
        """Wait. Raises ``Stopping`` once somebody asked."""
        deadline = time.monotonic() + seconds
        while not self.count and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))  # a sleep goes on after a signal
        if self.count:
            raise Stopping

    @property
    def is_urgent(self) -> bool:
        """Whether a second request came."""
        return self.count > 1

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
