"""When each tick is due. Pure: instants are arguments, in seconds of a monotonic clock."""

from dataclasses import dataclass


@dataclass(slots=True)
class Schedule:
    """Tick ``n`` is due at ``start + n * period``, so a late tick never delays the ones after it."""

    period: float
    start: float

    def at(self, number: int) -> float:
        """When tick ``number`` is due."""
        return self.start + number * self.period

    def due(self, now: float) -> int:
        """How many ticks are due until ``now``, the one due right then included."""
        return max(0, int((now - self.start) / self.period) + 1) if now >= self.start else 0

    def shift(self, seconds: float) -> None:
        """Forget a pause: what was not due in it comes later, instead of all at once."""
        self.start += seconds


class Sampler:
    """Which ticks are shown: all up to ``ALL`` a second, above that ``SHOWN`` a second."""

    ALL = 50
    SHOWN = 10

    def __init__(self, period: float) -> None:
        self.samples = 1 / period > self.ALL
        self._next = float("-inf")

    def shows(self, now: float) -> bool:
        """Whether the tick sent at ``now`` is shown."""
        if not self.samples:
            return True
        if now < self._next:
            return False
        self._next = now + 1 / self.SHOWN
        return True
