"""Instants and days as people type them."""

from datetime import UTC, date, datetime

import pytest
import typer

from orderbook.cli.instants import bounds, day, instant, zone

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026-01-05T08:30:00Z", datetime(2026, 1, 5, 8, 30, tzinfo=UTC)),
        ("2026-01-05T08:30:00", datetime(2026, 1, 5, 8, 30, tzinfo=UTC)),
        ("2026-01-05T08:30:00+01:00", datetime(2026, 1, 5, 7, 30, tzinfo=UTC)),
        ("90s", datetime(2026, 3, 29, 0, 28, 30, tzinfo=UTC)),
        ("15m", datetime(2026, 3, 29, 0, 15, tzinfo=UTC)),
        ("2h", datetime(2026, 3, 28, 22, 30, tzinfo=UTC)),
        ("1d", datetime(2026, 3, 28, 0, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read(text: str, expected: datetime) -> None:
    assert instant(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "1y", "999999d", "1.5h"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        instant(text, NOW)


def test_a_day_is_the_one_of_its_zone() -> None:
    assert day("today", zone("UTC"), NOW) == date(2026, 3, 29)
    assert day("yesterday", zone("utc"), NOW) == date(2026, 3, 28)
    assert day("today", zone("America/New_York"), NOW) == date(2026, 3, 28)
    assert day("2026-01-05", zone("UTC"), NOW) == date(2026, 1, 5)


@pytest.mark.parametrize(("of", "hours"), [(date(2026, 3, 28), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_has_as_many_hours_as_its_zone_gives_it(of: date, hours: int) -> None:
    begins, ends = bounds(of, zone("Europe/Amsterdam"))
    assert (ends - begins).total_seconds() == hours * 3600
