"""Which windows there are, and when one is due."""

from datetime import UTC, date, datetime, timedelta

import pytest

from orderbook.expectations.window import Schedule, Window, due

NOW = datetime(2026, 1, 6, 14, 25, 3, tzinfo=UTC)
SCHEDULE = Schedule(timedelta(minutes=15), timedelta(minutes=30))
YESTERDAY = Window.of_day(date(2026, 1, 5))
LAST_HOUR = Window("hour", datetime(2026, 1, 6, 13, tzinfo=UTC), datetime(2026, 1, 6, 15, tzinfo=UTC))


def test_the_last_hour_is_whole_and_goes_on_to_the_end_of_this_one() -> None:
    assert Window.of_last_hour(NOW) == LAST_HOUR
    zone = NOW.astimezone().tzinfo
    assert Window.of_last_hour(NOW.astimezone(zone)) == LAST_HOUR


@pytest.mark.parametrize(
    ("now", "last_hour", "last_day", "expected"),
    [
        (NOW, None, None, [LAST_HOUR, YESTERDAY]),
        (NOW, NOW - timedelta(minutes=7), YESTERDAY.start, []),  # another beat was faster
        (NOW, NOW - timedelta(minutes=8), YESTERDAY.start, [LAST_HOUR]),
        (NOW, NOW, YESTERDAY.start - timedelta(days=1), [YESTERDAY]),
        (NOW.replace(hour=0, minute=29), NOW.replace(hour=0, minute=29), YESTERDAY.start - timedelta(days=1), []),
        (
            NOW.replace(hour=0, minute=30),
            NOW.replace(hour=0, minute=30),
            YESTERDAY.start - timedelta(days=1),
            [YESTERDAY],
        ),
    ],
)
def test_what_is_due(
    now: datetime, last_hour: datetime | None, last_day: datetime | None, expected: list[Window]
) -> None:
    assert due(now, last_hour, last_day, SCHEDULE) == expected
