"""Instants and days as they are typed on a command line."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

_LAST = re.compile(r"(\d{1,5})\s?([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def instant(text: str, now: datetime | None = None) -> datetime:
    """An ISO-8601 time or date (UTC unless it says otherwise), or how long ago: ``90s``, ``15m``, ``2h``, ``1d``."""
    if ago := _LAST.fullmatch(text.strip()):
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-01-05T08:30:00Z, 2026-01-05 or 2h") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def zone(name: str) -> tzinfo:
    """A time zone by its name, such as Europe/Amsterdam."""
    try:
        return UTC if name.upper() == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"there is no time zone {name!r}") from None


def day(text: str, where: tzinfo, now: datetime | None = None) -> date:
    """A date, ``today`` or ``yesterday``, in a time zone."""
    today = (now or datetime.now(UTC)).astimezone(where).date()
    if text in {"today", "yesterday"}:
        return today - timedelta(days=text == "yesterday")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day: write 2026-01-05, today or yesterday") from None


def bounds(of: date, where: tzinfo) -> tuple[datetime, datetime]:
    """When a day begins and ends, in UTC: 23 to 25 hours."""
    begins, ends = (datetime.combine(d, time(0), where).astimezone(UTC) for d in (of, of + timedelta(days=1)))
    return begins, ends
