"""When each tick is due. Pure: instants are arguments, in seconds of a monotonic clock."""

from dataclasses import dataclass
from typing import Protocol


class Pace(Protocol):
    """When turns are due, that come in order; what was taken of them is the caller's to say."""

    def behind(self, turns: int, now: float, most: int) -> int:
        """How many are due until ``now`` after the first ``turns``, up to ``most``; none or fewer: nothing is due."""
        ...

    def at(self, turns: int) -> float:
        """When the one after the first ``turns`` is due."""
        ...

    def shift(self, seconds: float) -> None:
        """Forget a pause."""
        ...


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

    def behind(self, turns: int, now: float, most: int) -> int:
        """How many ticks are due until ``now`` beyond the first ``turns``, up to ``most``."""
        return min(self.due(now) - turns, most)

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
