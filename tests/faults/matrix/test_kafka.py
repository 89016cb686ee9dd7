"""What a real log does: transactions, holes, strangers in the group, records that are gone before anybody looked."""

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer
from kafka import KafkaAdminClient, TopicPartition
from kafka.structs import OffsetAndMetadata

from orderbook.tick import encode
from tests.contract.written_log import Written, WrittenLog
from tests.faults.matrix.conftest import audited
from tests.pipeline import Pipeline, stored, valid

COUNTS = "SELECT sum(n_ok), sum(n_bad), sum(n_gap) FROM offset_range WHERE state = 'done'"


def test_markers_and_aborted_records_are_gaps_and_ring(pipeline: Pipeline, log: WrittenLog) -> None:
    committed, aborted = [encode(t) for t in valid(10)], [encode(t) for t in valid(7, first=100)]
    log.transaction("first", committed)
    log.transaction("second", aborted, commit=False)
    log.append([encode(t) for t in valid(3, first=11)])
    pipeline.run()
    assert pipeline.rows(COUNTS) == [(13, 0, 9)]  # two markers, seven aborted
    assert pipeline.rows("SELECT max(sequence_id) FROM ticks") == [(13,)]
    assert pipeline.one("SELECT count(*) FROM alarm WHERE kind = 'gap'") > 0
    assert audited(pipeline) == []


def test_compacted_offsets_are_gaps(pipeline: Pipeline, log: WrittenLog, eventually: Callable[..., None]) -> None:
    log.compact_eagerly()
    ticks = [Written(encode(t), b"one key") for t in valid(50)]
    log.append(ticks)

    def compacted() -> bool:
        log.append([Written(ticks[0].value, b"another key")])  # rolls the segment
        consumer = Consumer({"bootstrap.servers": pipeline.settings.kafka.bootstrap_servers, "group.id": "looks"})
        try:
            consumer.assign([_start_of(pipeline.topic)])
            first = consumer.poll(10)
            return first is not None and first.error() is None and first.offset() >= 49
        finally:
            consumer.close()

    eventually(compacted, 60)
    pipeline.run()
    ((good, bad, gaps),) = pipeline.rows(COUNTS)
    assert gaps >= 49
    assert good == len(stored(pipeline))
    assert bad == 0
    assert audited(pipeline) == []


def _start_of(topic: str):
    from confluent_kafka import TopicPartition as Place

    return Place(topic, 0, 0)


def test_nothing_past_a_hanging_transaction_is_planned_and_all_of_it_lands_after(
    pipeline: Pipeline, log: WrittenLog
) -> None:
    log.append([encode(t) for t in valid(5)])
    hanging = log.open_transaction("hanging", [encode(t) for t in valid(5, first=6)])
    log.append([encode(t) for t in valid(5, first=11)])
    pipeline.run()
    assert len(stored(pipeline)) == 5
    assert pipeline.one("SELECT planned FROM partition_cursor WHERE partition = 0") == 5
    hanging.commit_transaction(20)
    pipeline.run()
    assert len(stored(pipeline)) == 15
    assert audited(pipeline) == []


def test_a_stranger_in_our_group_stops_the_projection_and_nothing_else(pipeline: Pipeline) -> None:
    kafka = pipeline.settings.kafka
    pipeline.produce(valid(5))
    options = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": kafka.group_id, "enable.auto.commit": False}
    stranger = Consumer(options)
    stranger.subscribe([pipeline.topic])
    try:
        while not stranger.assignment():
            stranger.poll(0.1)
        pipeline.run()
        assert len(stored(pipeline)) == 5
        assert audited(pipeline) == []
    finally:
        stranger.close()
    pipeline.drain()
    assert pipeline.client.projected()[0] == 5


@pytest.mark.parametrize("moved", [0, 900])
def test_a_group_offset_that_others_move_is_never_read_and_is_put_right(
    pipeline: Pipeline, admin: KafkaAdminClient, moved: int
) -> None:
    pipeline.produce(valid(10))
    pipeline.run()
    offsets = {TopicPartition(pipeline.topic, 0): OffsetAndMetadata(moved, "", None)}
    admin.alter_group_offsets(pipeline.settings.kafka.group_id, offsets)
    assert bool(audited(pipeline)) is (moved > 10)  # ahead of the prefix is reported
    pipeline.produce(valid(10, first=11))
    pipeline.run()
    assert len(stored(pipeline)) == 20
    assert pipeline.client.projected()[0] == 20
    assert audited(pipeline) == []


def test_a_group_that_is_deleted_comes_back(pipeline: Pipeline, admin: KafkaAdminClient) -> None:
    pipeline.produce(valid(10))
    pipeline.run()
    admin.delete_groups([pipeline.settings.kafka.group_id])
    pipeline.drain()
    assert pipeline.client.projected()[0] == 10


def test_what_was_deleted_before_the_first_look_is_not_ours(pipeline: Pipeline, log: WrittenLog) -> None:
    pipeline.produce(valid(20))
    log.delete_below(12)
    pipeline.run()
    assert [offset for _, offset in stored(pipeline)] == list(range(12, 20))
    assert pipeline.rows("SELECT origin FROM partition_cursor WHERE partition = 0") == [(12,)]
    assert pipeline.one("SELECT count(*) FROM alarm") == 0
    assert audited(pipeline) == []


def test_retention_that_overtakes_the_drainer_costs_exactly_what_it_took(pipeline: Pipeline, log: WrittenLog) -> None:
    pipeline.produce(valid(10))
    pipeline.run()
    pipeline.produce(valid(30, first=11))
    log.delete_below(25)
    pipeline.run()
    assert len(stored(pipeline)) == 25
    lost = "SELECT start_offset, end_offset FROM {} ORDER BY 1"
    assert pipeline.rows(lost.format("offset_range WHERE state = 'lost'")) == [(10, 25)]
    assert pipeline.rows(lost.format("alarm WHERE kind = 'lost'")) == [(10, 25)]
    assert audited(pipeline) == []
