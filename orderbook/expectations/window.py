"""Which windows are judged, and when one is due. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from orderbook.store.expectation_runs import Scope

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Ticks with ``start`` <= event time < ``end``; both on the hour, in UTC: the ledger counts by hours."""

    scope: Scope
    start: datetime
    end: datetime

    @classmethod
    def of_day(cls, day: date) -> Self:
        """A day in UTC, as the partitions of ``ticks`` are."""
        start = datetime.combine(day, time(0), UTC)
        return cls("day", start, start + DAY)

    @classmethod
    def of_last_hour(cls, now: datetime) -> Self:
        """The last whole hour and what there is of the present one."""
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return cls("hour", hour - HOUR, hour + HOUR)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When windows are due."""

    interval: timedelta  # between two runs over the last hour
    day_after: timedelta  # from the end of a day to its run: late ticks have landed


def due(now: datetime, last_hour: datetime | None, last_day: datetime | None, schedule: Schedule) -> list[Window]:
    """The windows to judge at ``now``.

    ``last_hour`` is when the newest run over an hour began, ``last_day`` which day was judged last, None where none
    was. Beats may be many: half an interval must have passed.
    """
    found = []
    if last_hour is None or now - last_hour >= schedule.interval / 2:
        found.append(Window.of_last_hour(now))
    yesterday = Window.of_day((now - schedule.day_after).astimezone(UTC).date() - DAY)
    if last_day is None or last_day < yesterday.start:
        found.append(yesterday)
    return found
