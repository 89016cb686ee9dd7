"""The screen of ``orderbook status``."""

from dataclasses import replace
from datetime import UTC, datetime

from orderbook.cli.pipeline_state import REST, PartitionState, PipelineState, Rested, screen
from orderbook.store.readers.ledger import Alarm, Landed

PARTITION = PartitionState(
    partition=0,
    planned=1_200,
    committed=1_000,
    end=1_250,
    lag_messages=250,
    open_ranges=2,
    held_ranges=1,
    most_deaths=0,
    drained_seconds_ago=0.4,
    halted_reason=None,
)
STATE = PipelineState(
    topic="orderbook.raw",
    partitions=[PARTITION],
    landed=Landed(990, 10, 0, 0, 1.2, 20.0, 0),
    newest_tick_seconds_ago=1.5,
    rejects={"crossed": 7, "json": 3},
    alarms=0,
    newest_alarms=[],
    kafka_error=None,
)


def test_a_running_pipeline_on_one_screen() -> None:
    text = screen(STATE)
    assert text.startswith("orderbook.raw: 250 messages behind, 20.0 ticks a second over the last 10 s\n")
    assert "990   newest 1.5 s ago, landed 1.2 s ago" in text
    assert "open: crossed 7, json 3" in text
    assert "ALARM" not in text


def test_a_halted_partition_says_why() -> None:
    assert "halted: recreated" in screen(replace(STATE, partitions=[replace(PARTITION, halted_reason="recreated")]))


def test_without_kafka_the_lag_is_not_known_and_the_rest_is_shown() -> None:
    away = replace(STATE, partitions=[replace(PARTITION, end=None, lag_messages=None)], kafka_error="away")
    text = screen(away)
    assert "lag not known" in text
    assert "Kafka is away" in text
    assert "990" in text


def test_alarms_stand_on_the_screen_with_their_offsets() -> None:
    alarm = Alarm(4, "lost", 3, 100, 120, "the log begins at 120", datetime(2026, 3, 2, tzinfo=UTC))
    text = screen(replace(STATE, alarms=3, newest_alarms=[alarm]))
    assert "ALARM 4  2026-03-02 00:00:00  lost  partition 3/100-119  the log begins at 120" in text
    assert "and 2 alarms more" in text


def test_an_empty_ledger_says_what_to_start() -> None:
    assert "start a worker and a beat" in screen(replace(STATE, partitions=[]))


def test_counts_that_took_long_are_not_made_again_for_fifty_times_as_long() -> None:
    now, made = [0.0], []

    def count() -> dict[str, int]:
        now[0] += 0.4
        made.append(now[0])
        return {"json": len(made)}

    rested = Rested(lambda: now[0])
    assert [rested.value(count)["json"] for _ in range(3)] == [1, 1, 1]
    now[0] += 0.4 * REST - 0.01
    assert rested.value(count) == {"json": 1}
    now[0] += 0.01
    assert rested.value(count) == {"json": 2}
