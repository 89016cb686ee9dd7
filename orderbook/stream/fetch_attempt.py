"""One attempt to fetch a range: what it has, and what is left of its limits."""

from collections.abc import Callable
from time import monotonic

from kafka.errors import KafkaError, KafkaTimeoutError

from orderbook.errors import OutOfTime
from orderbook.stream.batch import Batch, FetchLimits
from orderbook.stream.records import Integers, Records

LOOK_SECONDS = 0.25  # the longest wait without a call of ``between``
_PAUSE_SECONDS = 0.1  # before another try


class Attempt:
    """Takes records until the range ``[start, end)`` is whole or a limit is met."""

    def __init__(self, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> None:
        self.position, self.end = start, end
        self.finished = False
        self.left_bytes = limits.bytes
        self.stable_end = start  # of the log, as far as it is known
        self._start = start
        self._limits = limits
        self._deadline = monotonic() + limits.seconds
        self._between = between
        self._parts: list[Records] = []
        self._rest = Records.of(())
        self._after = start  # the offset behind the rest

    @property
    def is_over(self) -> bool:
        """Whether its time is up."""
        return monotonic() >= self._deadline

    def take(self, records: Records, position: int) -> None:
        """Take those of the records that the range and the limits allow. They reach up to ``position``."""
        fitting = int(records.offsets.searchsorted(self.end))
        sizes = _sizes(records)[:fitting]
        within = int(sizes.cumsum().searchsorted(self.left_bytes, "right"))
        if within == 0 and fitting and not self._parts:
            within = 1
        if within < fitting:
            self._finish(int(records.offsets[within]), records[within:], position)
        elif position >= self.end:
            self._finish(self.end, records[fitting:], position)
        else:
            self.position = position
        if within:
            self._parts.append(records[:within])
            self.left_bytes = max(0, self.left_bytes - int(sizes[:within].sum()))
        if not self.finished and self.is_over:
            self.stop()

    def _finish(self, position: int, rest: Records, after: int) -> None:
        self.position, self._rest, self._after, self.finished = position, rest, after, True

    def stop(self) -> None:
        """End with what there is. Raises ``OutOfTime`` where that is nothing."""
        if not self._parts:
            raise OutOfTime(f"no record from {self._start} on within {self._limits.seconds:g} s")
        self._finish(self.position, Records.of(()), self.position)

    def give_up(self, error: KafkaError) -> None:
        """The time is up. Raises the error where nothing came, and it is not the range that was too long."""
        if not self._parts and not isinstance(error, KafkaTimeoutError):
            raise error

    def wait(self, look: Callable[[float], object], is_done: Callable[[], bool]) -> None:
        """Look until it is done. Raises ``KafkaTimeoutError`` where the time is up before."""
        while not is_done():
            if self.is_over:
                raise KafkaTimeoutError(f"no answer within {self._limits.seconds:g} s")
            look(min(self._limits.poll_seconds, LOOK_SECONDS))
            self._between()

    def pause(self, poll: Callable[[float], None]) -> None:
        """Let the connections do their work for a moment."""
        poll(_PAUSE_SECONDS)
        self._between()

    def result(self) -> tuple[Batch, Records, int]:
        """What was fetched; what came beyond, and the offset behind that."""
        records = Records.joined(self._parts) if self._parts else Records.of(())
        return Batch(self._start, records, self.position), self._rest, self._after


def _sizes(records: Records) -> Integers:
    sizes: Integers = (records.values.ends - records.values.starts).clip(0)
    return sizes
