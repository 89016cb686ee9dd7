"""What is computed from answers: lag, retention, runway."""

from datetime import UTC, date, datetime

from orderbook.exporter.ledger import day_samples
from orderbook.exporter.log import lag_samples
from orderbook.exporter.source import Sample
from orderbook.stream.topics import LogBounds

BOUNDS = {0: LogBounds(start=100, end=150, leader_epoch=1)}
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def values(samples: list[Sample]) -> dict[str, float]:
    return {metric.suffix: value for metric, _, value in samples}


def test_lag_is_what_lies_above_the_prefix_and_its_age_that_of_the_first_of_it() -> None:
    asked: list[tuple[int, int]] = []

    def age(partition: int, offset: int) -> float:
        asked.append((partition, offset))
        return 25

    found = values(list(lag_samples(BOUNDS, {0: 120}, age, retention=100)))
    assert found == {"consumer_lag_messages": 30, "consumer_lag_seconds": 25, "retention_headroom_ratio": 0.75}
    assert asked == [(0, 120)]


def test_at_the_end_nothing_is_asked_and_all_of_the_retention_is_left() -> None:
    found = values(list(lag_samples(BOUNDS, {0: 150}, lambda *_: 1 / 0, retention=100)))
    assert found == {"consumer_lag_messages": 0, "consumer_lag_seconds": 0, "retention_headroom_ratio": 1}


def test_without_a_drainer_all_of_the_log_is_lag() -> None:
    assert values(list(lag_samples(BOUNDS, {}, lambda *_: None, retention=100))) == {"consumer_lag_messages": 50}


def test_a_log_that_is_kept_for_ever_has_no_headroom_to_lose() -> None:
    assert "retention_headroom_ratio" not in values(list(lag_samples(BOUNDS, {0: 120}, lambda *_: 9, retention=None)))


def test_runway_ends_at_the_first_day_that_is_missing() -> None:
    days = [(date(2026, 3, day), -1 if day == 7 else 10, 100) for day in (4, 5, 6, 7, 9)]
    assert values(list(day_samples(days, NOON))) == {
        "hot_rows": 40,
        "hot_bytes": 500,
        "partition_runway_seconds": 2.5 * 86_400,
    }


def test_without_a_partition_of_today_there_is_no_runway() -> None:
    assert values(list(day_samples([(date(2026, 3, 6), 0, 0)], NOON)))["partition_runway_seconds"] == 0
