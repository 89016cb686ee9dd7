"""Trading sessions: when a market is open, by weekly hours in its own time zone. Pure; summer time included."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d"
_HOURS: Final = re.compile(rf"([a-z]{{3}})(?:-([a-z]{{3}}))? ({_CLOCK})-({_CLOCK}|24:00)")
_DAY = timedelta(days=1)

Span = tuple[datetime, datetime]  # the end is not part of it


@dataclass(frozen=True, slots=True)
class Sessions:
    """Weekly opening hours: ``("Mon-Fri 08:00-18:00",)``. Hours that end before they begin end on the next day."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # when read from a file

    time_zone: str
    hours: tuple[str, ...]

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {self.time_zone!r}") from None
        if not self.hours:
            raise ValueError("a session needs hours, such as 'Mon-Fri 08:00-18:00'")
        for text in self.hours:
            _weekly(text)

    def open_spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        """Yield when the market is open between two aware instants, in UTC, oldest first, none touching another."""
        open_from = open_until = start
        for opens, closes in sorted(self._around(start, end)):
            opens, closes = max(opens, start), min(closes, end)  # noqa: PLW2901 - cut to what was asked for
            if opens >= closes:
                continue
            if opens > open_until:
                if open_from < open_until:
                    yield open_from, open_until
                open_from = open_until = opens
            if open_from == open_until:
                open_from = opens
            open_until = max(open_until, closes)
        if open_from < open_until:
            yield open_from, open_until

    def _around(self, start: datetime, end: datetime) -> Iterator[Span]:
        zone = ZoneInfo(self.time_zone)
        weekly = [_weekly(text) for text in self.hours]
        day = start.astimezone(zone).date() - _DAY
        last = end.astimezone(zone).date()
        while day <= last:
            for days, opens, closes in weekly:
                if day.weekday() in days:
                    closing_day = day if closes is not None and closes > opens else day + _DAY
                    yield (
                        datetime.combine(day, opens, zone).astimezone(UTC),
                        datetime.combine(closing_day, closes or time(0), zone).astimezone(UTC),
                    )
            day += _DAY


def _weekly(text: str) -> tuple[set[int], time, time | None]:
    """Weekdays, opening, and closing time; None: midnight."""
    found = _HOURS.fullmatch(text.strip().lower())
    if found is None or found[1] not in _DAYS or (found[2] or found[1]) not in _DAYS:
        raise ValueError(f"{text!r} are no hours: write 'Mon-Fri 08:00-18:00' or 'Sun 18:00-24:00'")
    first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
    days = {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    closes = None if found[4] in {"24:00", "00:00"} else time.fromisoformat(found[4])
    return days, time.fromisoformat(found[3]), closes


def open_spans(sessions: Sessions | None, start: datetime, end: datetime) -> Iterator[Span]:
    """``Sessions.open_spans``, of a market that may never close."""
    if sessions is not None:
        yield from sessions.open_spans(start, end)
    elif start < end:
        yield start, end


def open_seconds(sessions: Sessions | None, start: datetime, end: datetime) -> float:
    """For how long the market is open between two instants."""
    return sum((until - since).total_seconds() for since, until in open_spans(sessions, start, end))
