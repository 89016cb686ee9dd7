"""Trading sessions: weekly hours in a time zone, summer time included."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.errors import ConfigError
from orderbook.profiles import load_profiles
from orderbook.sessions import Sessions, open_seconds

AMSTERDAM = Sessions("Europe/Amsterdam", ("Mon-Fri 08:00-18:00",))
GLOBEX = Sessions("America/Chicago", ("Sun-Thu 17:00-16:00",))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("sessions", "start", "end", "hours"),
    [
        (AMSTERDAM, "2026-01-05", "2026-01-06", 10),  # a Monday
        (AMSTERDAM, "2026-01-05T06:59", "2026-01-05T07:30", 0.5),  # opens at 07:00 UTC in winter
        (AMSTERDAM, "2026-07-06T05:00", "2026-07-06T07:00", 1),  # at 06:00 in summer
        (AMSTERDAM, "2026-01-10", "2026-01-12", 0),  # a weekend
        (AMSTERDAM, "2026-03-27", "2026-03-31", 20),  # the clocks go forward between Friday and Monday
        (GLOBEX, "2026-01-05", "2026-01-06", 23),  # over midnight, an hour of rest
        (GLOBEX, "2026-01-09T22:00", "2026-01-11T23:00", 0),
        (Sessions("UTC", ("Sat-Sun 00:00-24:00",)), "2026-01-05", "2026-01-12", 48),
        (Sessions("UTC", ("Mon 08:00-12:00", "Mon 10:00-14:00", "Mon 14:00-15:00")), "2026-01-05", "2026-01-06", 7),
        (Sessions("Europe/Amsterdam", ("Mon-Sun 00:00-24:00",)), "2026-10-24T22:00", "2026-10-25T23:00", 25),
        (None, "2026-01-05", "2026-01-06", 24),
    ],
)
def test_open_time_is_counted(sessions: Sessions | None, start: str, end: str, hours: float) -> None:
    assert open_seconds(sessions, at(start), at(end)) == hours * 3600


@given(st.integers(0, 400 * 24 * 60), st.integers(0, 20_000), st.integers(0, 20_000))
def test_open_time_adds_up_wherever_it_is_cut(start: int, first: int, second: int) -> None:
    begins = at("2026-01-01") + timedelta(minutes=start)
    middle = begins + timedelta(minutes=first)
    ends = middle + timedelta(minutes=second)
    parts = open_seconds(GLOBEX, begins, middle) + open_seconds(GLOBEX, middle, ends)
    assert parts == open_seconds(GLOBEX, begins, ends)


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("Europe/Nowhere", '["Mon 08:00-09:00"]'),
        ("../etc/passwd", '["Mon 08:00-09:00"]'),
        ("UTC", "[]"),
        ("UTC", '["Mon 8-9"]'),
        ("UTC", '["Mon 08:00-25:00"]'),
        ("UTC", '["Day 08:00-09:00"]'),
    ],
)
def test_hours_that_make_no_sense_stop_the_start(tmp_path: Path, zone: str, hours: str) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(f'[profiles.default]\nsessions = {{ time_zone = "{zone}", hours = {hours} }}\n')
    with pytest.raises(ConfigError, match=r"profiles\.default\.sessions"):
        load_profiles(path)


def test_sessions_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text(
        '[profiles.default]\nsequence = "increasing"\n'
        'sessions = { time_zone = "Europe/Amsterdam", hours = ["Mon-Fri 08:00-18:00"] }\n'
    )
    profile = load_profiles(path).of("X")
    assert (profile.sessions, profile.sequence) == (AMSTERDAM, "increasing")
