"""A pass over partitions where nothing happens: what it notes, and what it must leave to a look at each."""

from datetime import timedelta

from sqlalchemy import text

from orderbook.store.ledger.ledger import Ledger
from tests.pipeline import Pipeline, valid

LATER = "drained_at > now() - interval '1 minute'"


def _passed(
    pipeline: Pipeline, *, start: int = 0, end: int = 10, epoch: int | None = 0, late: float = 0
) -> dict[int, int]:
    ledger = Ledger(pipeline.engine)
    generation = ledger.newest_generation()
    assert generation is not None
    asked = ledger.clock() - timedelta(seconds=late)
    pipeline.execute("UPDATE partition_cursor SET drained_at = '-infinity', low_passes = 1")
    return ledger.pass_idle(generation.id, {0: (start, end, epoch)}, asked, lease_seconds=10)


def _landed(pipeline: Pipeline) -> None:
    pipeline.produce(valid(10))
    pipeline.run()


def test_a_partition_without_news_is_drained_with_all_others_at_once(pipeline: Pipeline) -> None:
    _landed(pipeline)
    assert _passed(pipeline) == {0: 10}
    assert pipeline.rows(f"SELECT low_passes, committed, {LATER} FROM partition_cursor WHERE partition = 0") == [
        (0, 10, True)
    ]


def test_a_partition_that_needs_a_look_is_left_alone(pipeline: Pipeline) -> None:
    _landed(pipeline)
    news = [{"end": 11}, {"end": 9}, {"start": 11, "end": 11}, {"late": 11.0}, {"epoch": -1}]
    assert [_passed(pipeline, **one) for one in news] == [{}] * len(news)  # type: ignore[arg-type]
    pipeline.execute("UPDATE partition_cursor SET halted_reason = 'breaker'")
    assert _passed(pipeline) == {}
    assert pipeline.rows(f"SELECT low_passes, {LATER} FROM partition_cursor WHERE partition = 0") == [(1, False)]


def test_a_partition_with_an_open_range_is_left_alone(pipeline: Pipeline) -> None:
    pipeline.produce(valid(10))
    pipeline.drain()
    assert _passed(pipeline) == {}
    pipeline.run()
    assert _passed(pipeline) == {0: 10}


def test_a_partition_that_another_drainer_holds_is_left_alone_without_waiting(pipeline: Pipeline) -> None:
    _landed(pipeline)
    with pipeline.new_engine("another").begin() as other:
        other.execute(text("SELECT FROM partition_cursor FOR NO KEY UPDATE"))
        ledger = Ledger(pipeline.engine)
        generation = ledger.newest_generation()
        assert generation is not None
        assert ledger.pass_idle(generation.id, {0: (0, 10, 0)}, ledger.clock(), lease_seconds=10) == {}
