"""How a replay is cut into windows of time, each of about as many rows. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

ROWS: Final = 200_000  # of a window: some 60 MB
HOUR: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=1)


@dataclass(slots=True)
class Plan:
    """Windows that tile ``[start, end)``.

    ``ticks``: how many each hour is known to hold, by its begin; so an empty night is one window, and no busy hour
    belongs to it. Within an hour the rows of the windows before tell. ``width`` is what to begin with, ``shortest``
    what no window falls below, unless it ends where hours without ticks begin or end.
    """

    start: datetime
    end: datetime
    ticks: Mapping[datetime, int]
    width: timedelta
    shortest: timedelta

    def windows(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield the windows; what is learned meanwhile counts from the next one on."""
        at = self.start
        while at < self.end:
            end = self._silent_until(at)
            if end == at:
                end = at + max(min(self.width, self._room(at)), self.shortest)
            end = min(end, self.end)
            yield at, end
            at = end

    def learn(self, start: datetime, end: datetime, rows: int) -> None:
        """This window held so many rows."""
        if self._silent_until(start) > start:
            return
        if rows < ROWS // 2:
            self.width = min((end - start) * 4, LONGEST)
        elif rows > ROWS:
            self.width = (end - start) * (0.75 * ROWS / rows)

    def _silent_until(self, at: datetime) -> datetime:
        """The begin of the next hour with ticks, or as far as a window may reach; behind the last one none is known."""
        if not self.ticks or at > max(self.ticks):
            return at
        hour = _hour(at)
        while not self.ticks.get(hour) and hour - at < LONGEST:
            hour += HOUR
        return max(hour, at)

    def _room(self, at: datetime) -> timedelta:
        """How far ``ROWS`` rows reach from here, were each hour's spread evenly."""
        left, reached = float(ROWS), at
        while reached - at < LONGEST:
            hour = _hour(reached)
            there, rest = self.ticks.get(hour, 0), hour + HOUR - reached
            if there * (rest / HOUR) > left:
                return reached - at + HOUR * (left / there)
            left, reached = left - there * (rest / HOUR), hour + HOUR
        return LONGEST


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
