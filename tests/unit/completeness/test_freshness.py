"""Freshness: silence counts while the market is open, and pages nobody while it is not."""

from datetime import UTC, datetime, timedelta

import pytest

from orderbook.completeness.freshness import freshness
from orderbook.profiles import Profile, Profiles
from orderbook.sessions import Sessions
from orderbook.store.readers.coverage import SymbolSpan

MONDAY_NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
SESSIONS = Sessions("UTC", ("Mon-Fri 08:00-18:00",))


@pytest.mark.parametrize(
    ("silent", "now", "sessions", "patience", "state", "open_age"),
    [
        (20, MONDAY_NINE, None, 30, "live", 20),
        (31, MONDAY_NINE, None, 30, "stale", 31),
        (31, MONDAY_NINE, None, None, "live", 31),
        (31, MONDAY_NINE, SESSIONS, 30, "stale", 31),
        (3 * 86_400, MONDAY_NINE - timedelta(minutes=61), SESSIONS, 30, "closed", 10 * 3600 + 61 * 60),
        (65, MONDAY_NINE - timedelta(seconds=3590), SESSIONS, 30, "live", 10),  # opened ten seconds ago
        (65, MONDAY_NINE - timedelta(seconds=3560), SESSIONS, 30, "stale", 40),
    ],
)
def test_only_open_time_makes_stale(
    silent: float, now: datetime, sessions: Sessions | None, patience: float | None, state: str, open_age: float
) -> None:
    profiles = Profiles([], Profile("x", stale_after_seconds=patience, sessions=sessions))
    last = now - timedelta(seconds=silent)
    (found,) = freshness([SymbolSpan("X", last, last)], profiles, now)
    assert (found.state, found.age_seconds) == (state, silent)
    if state != "closed":
        assert found.open_age_seconds == open_age
