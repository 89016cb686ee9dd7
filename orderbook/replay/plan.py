"""How a replay is cut into windows of time, each of about as many rows. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

ROWS: Final = 200_000  # of a window: some 60 MB
HOUR: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=1)


@dataclass(slots=True)
class Plan:
    """Windows that tile ``[start, end)``.

    ``ticks``: how many each hour is known to hold, by its begin. Hours that hold few are one window, so an empty night
    is, and no busy hour belongs to it. Within a busy hour, and behind the last one that is known, the rows of the
    windows before tell: ``width`` is what to begin with, ``shortest`` the least.
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
            end = self._quiet_until(at)
            if end == at:
                end = at + max(min(self.width, self._share(at)), self.shortest)
            end = min(end, self.end)
            yield at, end
            at = end

    def learn(self, start: datetime, end: datetime, rows: int) -> None:
        """This window held so many rows."""
        if self._quiet_until(start) > start:
            return
        if rows < ROWS // 2:
            self.width = min((end - start) * 4, LONGEST)
        elif rows > ROWS:
            self.width = (end - start) * (0.75 * ROWS / rows)

    def _quiet_until(self, at: datetime) -> datetime:
        """The end of the hours from here on that together hold few, wherever in them those are; ``at``: of none."""
        hour = _hour(at)
        behind = max(self.ticks, default=hour - HOUR) + HOUR
        rows = self.ticks.get(hour, 0)
        found = at
        while rows <= ROWS and hour < behind and hour - at < LONGEST:
            hour += HOUR
            found, rows = hour, rows + self.ticks.get(hour, 0)
        return found

    def _share(self, at: datetime) -> timedelta:
        """As much of a busy hour as would hold ``ROWS`` rows, were they spread evenly."""
        there = self.ticks.get(_hour(at))
        return LONGEST if not there else HOUR * (ROWS / there)


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
