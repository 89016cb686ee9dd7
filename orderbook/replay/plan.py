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

    ``ticks``: how many each hour is known to hold, by its begin; so an empty night is one window and the first busy
    hour after it is not. Within an hour the rows of the windows before tell. ``width`` is what to begin
    with, ``shortest`` what no window but the last falls below.
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
            width = max(min(self.width, self._room(at)), self.shortest)
            end = min(at + width, self.end)
            yield at, end
            at = end

    def learn(self, width: timedelta, rows: int) -> None:
        """A window of this width held so many rows."""
        if rows < ROWS // 2:
            self.width = min(width * 4, LONGEST)
        elif rows > ROWS:
            self.width = width * (0.75 * ROWS / rows)

    def _room(self, at: datetime) -> timedelta:
        """How far ``ROWS`` rows reach from here, were each hour's spread evenly."""
        left, reached = float(ROWS), at
        while reached - at < LONGEST:
            hour = reached.replace(minute=0, second=0, microsecond=0)
            there, rest = self.ticks.get(hour, 0), hour + HOUR - reached
            if there * (rest / HOUR) > left:
                return reached - at + HOUR * (left / there)
            left, reached = left - there * (rest / HOUR), hour + HOUR
        return LONGEST
