"""Rejects judged again, given up, and relayed; ranges tried again and confirmed as lost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from kafka import KafkaConsumer, TopicPartition
from sqlalchemy.exc import ProgrammingError

from orderbook.audit import audit
from orderbook.clock import utc_now
from orderbook.errors import Refused, Unavailable
from orderbook.ingest.validator import Validator
from orderbook.profiles import Profile, Profiles, load_profiles
from orderbook.requeue import judge_again
from orderbook.store.database import engine_for
from orderbook.store.journal import Operator
from orderbook.store.ledger.outbox import relay, relay_turn
from orderbook.store.ledger.range_verbs import confirm_lost, retry
from orderbook.store.ledger.recount import snapshot
from orderbook.store.ledger.requeue import Place, drop_reject, find_open, land_reject
from orderbook.stream.dead_letters import DeadLetters
from tests.pipeline import Pipeline, stored, tick, valid

ANNA = Operator("anna", "because")


def _balances(pipeline: Pipeline) -> bool:
    reader = engine_for(pipeline.settings.database, "reader", name="test")
    try:
        with snapshot(reader) as store:
            return audit(store, {}, lambda _: None).balances
    finally:
        reader.dispose()


@pytest.fixture
def late(pipeline: Pipeline) -> Pipeline:
    """Five ticks, the third of them nine days old, and the audit in balance."""
    old = utc_now() - timedelta(days=9)
    pipeline.produce([*valid(2), tick(3, event_time=old, bid_price=Decimal("27.001")), *valid(2, first=4)])
    pipeline.run()
    assert pipeline.rows("SELECT kafka_offset, reason FROM quarantine") == [(2, "late")]
    return pipeline


def test_a_reject_that_is_valid_now_is_stored_under_its_own_offset(late: Pipeline) -> None:
    lenient = Validator(Profiles([], Profile("historical")))
    (verdict,) = judge_again(find_open(late.engine, reason="late", places=None), lenient)
    assert str(verdict).endswith("late → TTF-GAS 3")
    assert verdict.tick is not None
    land_reject(late.engine, verdict.reject.place, verdict.tick, ANNA)
    assert [offset for _, offset in stored(late)] == [0, 1, 2, 3, 4]
    assert late.one("SELECT bid_price FROM ticks WHERE kafka_offset = 2") == Decimal("27.001")
    assert late.rows("SELECT resolution, value IS NOT NULL FROM quarantine") == [("landed", True)]
    assert late.rows("SELECT n_ok, n_bad FROM offset_range") == [(5, 0)]
    assert _balances(late)


def test_judging_again_by_the_same_rules_changes_nothing(late: Pipeline) -> None:
    (verdict,) = judge_again(find_open(late.engine, reason="late", places=None), Validator(load_profiles(None)))
    assert str(verdict).endswith("late → late")


def test_a_reject_is_stored_only_once(late: Pipeline) -> None:
    place = Place(1, 0, 2)
    land_reject(late.engine, place, tick(3), ANNA)
    with pytest.raises(Refused, match="not open"):
        land_reject(late.engine, place, tick(3), ANNA)
    assert len(stored(late)) == 5


def test_a_dropped_reject_stays_with_its_bytes_and_stays_counted(late: Pipeline) -> None:
    drop_reject(late.engine, Place(1, 0, 2), ANNA)
    assert late.rows("SELECT resolution, value IS NOT NULL FROM quarantine") == [("dropped", True)]
    assert _balances(late)
    with pytest.raises(Refused, match="not open"):
        drop_reject(late.engine, Place(1, 0, 2), ANNA)


def test_a_place_that_is_not_open_is_named(late: Pipeline) -> None:
    with pytest.raises(Refused, match="1/0/4"):
        find_open(late.engine, reason=None, places=[Place(None, 0, 4)])


def test_the_record_of_deeds_cannot_be_changed(late: Pipeline) -> None:
    drop_reject(late.engine, Place(1, 0, 2), ANNA)
    assert late.rows("SELECT done_by, verb, start_offset, why, detail FROM operator_action") == [
        ("anna", "drop", 2, "because", "late")
    ]
    for statement in ("UPDATE operator_action SET done_by = 'bob'", "DELETE FROM operator_action"):
        with pytest.raises(ProgrammingError, match="append-only"):
            late.execute(statement)


def test_a_range_that_waits_is_due_once_an_operator_says_so(pipeline: Pipeline) -> None:
    pipeline.produce(valid(3))
    pipeline.drain()
    (range_id,) = pipeline.hints
    pipeline.execute("UPDATE offset_range SET not_before = now() + interval '1 h', deaths = 3")
    retry(pipeline.engine, range_id, ANNA)
    assert pipeline.ingestor().run(range_id) == 3
    with pytest.raises(Refused, match="is done"):
        retry(pipeline.engine, range_id, ANNA)


def test_a_lost_range_is_confirmed_and_its_alarm_ends(pipeline: Pipeline) -> None:
    pipeline.produce(valid(3))
    pipeline.drain()
    (range_id,) = pipeline.hints
    pipeline.execute("UPDATE offset_range SET state = 'lost'")
    pipeline.execute("INSERT INTO alarm (kind, generation_id, partition, start_offset, end_offset) "
                     "VALUES ('lost', 1, 0, 0, 3)")  # fmt: skip
    assert confirm_lost(pipeline.engine, range_id, ANNA) == 1
    assert pipeline.rows("SELECT acknowledged_by FROM alarm") == [("anna",)]


def test_rejects_are_relayed_once_with_their_bytes_and_where_they_came_from(pipeline: Pipeline) -> None:
    pipeline.produce([b"one", *valid(2), b"two"])
    pipeline.run()
    kafka = pipeline.settings.kafka.model_copy(update={"dead_letter_topic": f"{pipeline.topic}.dlq"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.client, "_kafka", kafka)
        pipeline.client.create()
    letters = DeadLetters(kafka)
    assert [relay(pipeline.engine, letters.send, 100) for _ in range(2)] == [2, 0]
    letters.close()
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=None, auto_offset_reset="earliest")
    source = TopicPartition(kafka.dead_letter_topic, 0)
    consumer.assign([source])
    found = []
    while len(found) < 2:
        found += consumer.poll(1000).get(source, [])
    consumer.close()
    assert [message.value for message in found] == [b"one", b"two"]
    headers = dict(found[1].headers)
    assert (headers["orderbook-partition"], headers["orderbook-offset"]) == (b"0", b"3")
    assert headers["orderbook-reason"] == b"json"


def test_letters_that_cannot_be_sent_stay_unsent(pipeline: Pipeline) -> None:
    pipeline.produce([b"one"])
    pipeline.run()

    def away(_letters: object) -> None:
        raise Unavailable("Kafka is away")

    with pytest.raises(Unavailable):
        relay(pipeline.engine, away, 100)
    assert pipeline.rows("SELECT relayed_at FROM quarantine") == [(None,)]


def test_rejects_are_relayed_some_at_a_time_while_ranges_wait(pipeline: Pipeline) -> None:
    pipeline.produce([b"one", b"two", b"three"])
    pipeline.run()
    sent: list[object] = []
    relay_turn(pipeline.engine, sent.extend, 1, ranges_wait=lambda: 8)
    assert len(sent) == 1
    relay_turn(pipeline.engine, sent.extend, 1, ranges_wait=lambda: 0)
    assert len(sent) == 3
