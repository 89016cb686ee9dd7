"""What an operator does to the ledger: halted partitions go on, a topic that was made again is adopted."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orderbook.errors import Refused
from orderbook.store.journal import Operator
from orderbook.store.ledger.operator import adopt, give_up_older, resume
from orderbook.store.ledger.partition_ledger import PartitionLedger
from tests.pipeline import Pipeline, stored, valid

NEW = "a-topic-made-again"


def halt(pipeline: Pipeline, reason: str, partition: int = 0) -> None:
    with pipeline.engine.begin() as connection:
        PartitionLedger(connection, 1, partition).halt(reason, "for the test")


def reasons(pipeline: Pipeline) -> list[tuple[int, int, str | None]]:
    return pipeline.rows("SELECT generation_id, partition, halted_reason FROM partition_cursor ORDER BY 1, 2")


def adopt_new(pipeline: Pipeline, topic_id: str = NEW) -> dict[int, str]:
    cluster = pipeline.client.identity().cluster_id
    return adopt(
        pipeline.engine,
        cluster_id=cluster,
        topic=pipeline.topic,
        topic_id=topic_id,
        origins={0: 40, 1: 50},
        by=Operator("anna"),
    )


def hold_first_range(pipeline: Pipeline, lease: str) -> None:
    pipeline.execute(
        "UPDATE offset_range SET lease_until = now() + CAST(:lease AS interval), holder_pid = 1, holder_start = now() "
        "WHERE id = (SELECT min(id) FROM offset_range WHERE state = 'planned')",
        lease=lease,
    )


def test_a_resumed_partition_goes_on_and_its_alarm_is_acknowledged(pipeline: Pipeline) -> None:
    pipeline.produce(valid(5))
    pipeline.drain()
    pipeline.execute("UPDATE partition_cursor SET low_passes = 2")
    halt(pipeline, "low_end")
    assert resume(pipeline.engine, [0], Operator("anna")) == {0: "low_end"}
    assert pipeline.rows("SELECT halted_reason, low_passes FROM partition_cursor WHERE partition = 0") == [(None, 0)]
    assert pipeline.rows("SELECT kind, acknowledged_by FROM alarm") == [("low_end", "anna")]
    pipeline.run()
    assert len(stored(pipeline)) == 5


def test_resuming_all_leaves_what_is_not_halted_alone(pipeline: Pipeline) -> None:
    pipeline.drain()
    halt(pipeline, "tripwire", partition=1)
    assert resume(pipeline.engine, None, Operator("anna")) == {1: "tripwire"}
    assert resume(pipeline.engine, None, Operator("anna")) == {}


@pytest.mark.logs_error("partition halted")
def test_a_resumed_partition_accepts_the_leader_epoch_that_halted_it(pipeline: Pipeline) -> None:
    pipeline.produce(valid(5))
    pipeline.run()
    pipeline.execute("UPDATE offset_range SET leader_epoch = 99")
    pipeline.produce(valid(5, first=6))
    pipeline.drain()
    assert (1, 0, "truncated") in reasons(pipeline)
    resume(pipeline.engine, [0], Operator("anna"))
    pipeline.run()
    assert len(stored(pipeline)) == 10


def test_resume_refuses_a_recreated_topic_without_new_generation(pipeline: Pipeline) -> None:
    pipeline.drain()
    halt(pipeline, "recreated", partition=0)
    halt(pipeline, "tripwire", partition=1)
    with pytest.raises(Refused, match="--new-generation"):
        resume(pipeline.engine, None, Operator("anna"))
    assert reasons(pipeline) == [(1, 0, "recreated"), (1, 1, "tripwire")]


def test_resume_refuses_a_partition_that_there_is_not(pipeline: Pipeline) -> None:
    pipeline.drain()
    with pytest.raises(Refused, match="no partition 7"):
        resume(pipeline.engine, [0, 7], Operator("anna"))


def test_resume_refuses_an_empty_ledger(pipeline: Pipeline) -> None:
    with pytest.raises(Refused, match="empty"):
        resume(pipeline.engine, None, Operator("anna"))


def test_an_adopted_topic_begins_at_its_log_start_and_halts_the_old_one(pipeline: Pipeline) -> None:
    pipeline.drain()
    halt(pipeline, "recreated", partition=1)
    assert adopt_new(pipeline) == {1: "recreated"}
    assert reasons(pipeline) == [(1, 0, "recreated"), (1, 1, "recreated"), (2, 0, None), (2, 1, None)]
    assert pipeline.rows(
        "SELECT partition, origin, planned, committed FROM partition_cursor WHERE generation_id = 2 ORDER BY 1"
    ) == [(0, 40, 40, 40), (1, 50, 50, 50)]
    assert pipeline.one("SELECT count(*) FROM alarm WHERE acknowledged_at IS NULL") == 0


@pytest.mark.logs_error("offsets lost")
def test_what_was_open_in_the_old_topic_becomes_lost_with_an_alarm(pipeline: Pipeline) -> None:
    pipeline.produce(valid(250))
    pipeline.drain()
    pipeline.ingestor().run(pipeline.hints[1])
    adopt_new(pipeline)
    assert give_up_older(pipeline.engine) == []
    assert pipeline.rows("SELECT start_offset, end_offset, state FROM offset_range ORDER BY 1") == [
        (0, 100, "lost"),
        (100, 200, "done"),
        (200, 250, "lost"),
    ]
    assert pipeline.rows("SELECT start_offset, end_offset FROM alarm WHERE kind = 'lost' ORDER BY 1") == [
        (0, 100),
        (200, 250),
    ]
    assert pipeline.rows("SELECT committed FROM partition_cursor WHERE generation_id = 1 AND partition = 0") == [(250,)]


@pytest.mark.logs_error("offsets lost")
def test_neighbours_that_are_lost_ring_one_alarm(pipeline: Pipeline) -> None:
    pipeline.produce(valid(250))
    pipeline.drain()
    adopt_new(pipeline)
    give_up_older(pipeline.engine)
    assert pipeline.rows("SELECT start_offset, end_offset FROM alarm WHERE kind = 'lost'") == [(0, 250)]


@pytest.mark.logs_error("offsets lost")
def test_a_range_under_a_live_lease_is_left_and_a_second_run_gives_it_up(pipeline: Pipeline) -> None:
    pipeline.produce(valid(250))
    pipeline.drain()
    hold_first_range(pipeline, "1 hour")
    adopt_new(pipeline)
    (held,) = give_up_older(pipeline.engine)
    assert (held.generation, held.partition, held.ranges, held.until is not None) == (1, 0, 1, True)
    assert pipeline.rows("SELECT committed FROM partition_cursor WHERE generation_id = 1 AND partition = 0") == [(0,)]
    pipeline.expire_leases()
    assert give_up_older(pipeline.engine) == []
    assert pipeline.rows("SELECT state, holder_pid, lease_until FROM offset_range") == [("lost", None, None)] * 3
    assert pipeline.rows("SELECT committed FROM partition_cursor WHERE generation_id = 1 AND partition = 0") == [(250,)]


@pytest.mark.logs_error("offsets lost")
def test_a_landing_that_is_stopped_with_its_lock_is_ended(pipeline: Pipeline, eventually: Callable[..., None]) -> None:
    pipeline.produce(valid(50))
    pipeline.drain()
    adopt_new(pipeline)
    stopped = pipeline.new_engine("stopped", 600).connect()
    landing = stopped.begin()
    mine = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    pid, start = stopped.execute(text(mine)).one()
    pipeline.execute(
        "UPDATE offset_range SET holder_pid = :pid, holder_start = :start, lease_until = now() + interval '1 s'",
        pid=pid,
        start=start,
    )
    stopped.execute(text("SELECT 1 FROM offset_range FOR UPDATE"))
    assert len(give_up_older(pipeline.engine)) == 1
    eventually(lambda: give_up_older(pipeline.engine) == [], what="the stopped landing is ended")
    with pytest.raises(DBAPIError):
        stopped.execute(text("SELECT 1"))
    landing.close()
    stopped.close()


def test_adopting_the_topic_that_is_read_already_only_ends_the_halts(pipeline: Pipeline) -> None:
    pipeline.drain()
    halt(pipeline, "recreated")
    assert adopt_new(pipeline, pipeline.client.identity().topic_id) == {0: "recreated"}
    assert reasons(pipeline) == [(1, 0, None), (1, 1, None)]


def test_a_topic_of_an_earlier_life_is_refused(pipeline: Pipeline) -> None:
    pipeline.drain()
    adopt_new(pipeline)
    with pytest.raises(Refused, match="earlier life"):
        adopt_new(pipeline, pipeline.client.identity().topic_id)
    assert {generation for generation, _, _ in reasons(pipeline)} == {1, 2}
