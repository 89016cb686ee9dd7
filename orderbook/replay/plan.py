"""How a replay is cut into windows of time, each of about as many rows. It counts through a function that is given."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

ROWS: Final = 200_000  # of a window: some 60 MB
FULL: Final = ROWS * 5 // 4  # the most
MOST_COUNTED: Final = FULL + 1  # a count that has come so far may stop
HOUR: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=1)

Count = Callable[[datetime, datetime], int]


@dataclass(slots=True)
class Plan:
    """Windows that tile ``[start, end)``. None holds more than ``ROWS`` by a quarter, but for one of ``shortest``.

    ``ticks``: how many each hour is known to hold, by its begin. Hours that hold few are one window, so an empty night
    is, and no busy hour belongs to it. Within a busy hour, and behind the last one that is known, ``count`` tells: a
    burst of seconds may hold all that an hour does. ``width`` is what to begin with, ``shortest`` the least.
    """

    start: datetime
    end: datetime
    ticks: Mapping[datetime, int]
    count: Count
    width: timedelta
    shortest: timedelta

    def windows(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield the windows. It counts while it looks for the next one."""
        at = self.start
        while at < self.end:
            end = self._quiet_until(at)
            if end == at:
                end = self._busy_until(at)
            end = min(end, self.end)
            yield at, end
            at = end

    def _busy_until(self, at: datetime) -> datetime:
        """As far as a window may reach: piece by piece, none up to where it was found to hold too much.

        What costs is counting many, so a piece that holds too much is followed by one of its quarter, and one of few by
        the double.
        """
        end, rows, too_far = at, 0, datetime.max.replace(tzinfo=UTC)
        while rows < ROWS // 2 and end < self.end and end - at < LONGEST and (end == at or self._is_busy(end)):
            width = max(min(self.width, self._share(end), (too_far - end) / 2, self.end - end), self.shortest)
            found = self.count(end, end + width)
            if rows + found <= FULL:
                end, rows = end + width, rows + found
                self.width = min(width * min(2.0, ROWS / max(found, 1)), LONGEST)
            elif width > self.shortest:
                too_far = end + width
                self.width = width / 4
            else:
                return end + width if end == at else end
        return end

    def _is_busy(self, at: datetime) -> bool:
        return self._quiet_until(at) == at

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
