"""The judge: every record becomes a tick or a reject, for any bytes whatever, and its bytes are kept."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.ingest.validator import Judged, Validator, reject
from orderbook.profiles import REASONS, Fault, load_profiles
from orderbook.store.ledger.landing import TICKS
from orderbook.store.ledger.rejects import Reject
from orderbook.stream.records import Record
from orderbook.tick import FIELDS, OrderBookTick
from tests.unit.wire import BROKER_MS, BROKER_TIME, VALID, record, written

STRICT = Validator(load_profiles(None))
COUNTING = Validator(load_profiles(None), "count")

stamps = st.integers(-(2**63), 2**63 - 1) | st.just(BROKER_MS)
fragments = st.one_of(
    st.sampled_from(
        [*VALID.values(), "null", "true", "NaN", "1e9999", "0e9999", "-0", "[]", "{}", '"\\ud800"', "9" * 5000]
    ),
    st.integers().map(str),
    st.floats().map(json.dumps),
    st.text().map(json.dumps),
    st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.datetimes(timezones=st.just(None) | st.timezones()).map(lambda at: f'"{at.isoformat()}"'),
)
names = st.sampled_from(FIELDS) | st.sampled_from(["venue", "\\ud800", "\\u0000", "Symbol"])
mutated = st.dictionaries(names, fragments, max_size=3).map(written)


@st.composite
def bitten(draw: st.DrawFn) -> bytes:
    """A valid tick with some bytes replaced, cut out or put in."""
    value = bytearray(written())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(value)))
        value[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(value)


values = st.none() | st.binary(max_size=300) | mutated | bitten()
records = st.lists(
    st.tuples(values, stamps, st.none() | st.binary(max_size=8), st.none() | st.just(b"1") | st.binary(max_size=4)),
    max_size=6,
).map(lambda found: [Record(n * 2, at, key, value, version) for n, (value, at, key, version) in enumerate(found)])


@given(records, st.sampled_from([STRICT, COUNTING]))
def test_every_record_becomes_a_tick_or_a_reject_and_nothing_raises(found: list[Record], validator: Validator) -> None:
    judged = validator.judge(found)
    ticks, rejects = judged.ticks["kafka_offset"].to_pylist(), [r.offset for r in judged.rejects]
    assert judged.ticks.schema == TICKS
    assert sorted(ticks + rejects) == [r.offset for r in found]
    assert {r.reason for r in judged.rejects} <= set(REASONS)


@given(records)
def test_a_reject_keeps_the_record_s_bytes(found: list[Record]) -> None:
    by_offset = {r.offset: r for r in found}
    for rejected in STRICT.judge(found).rejects:
        kept = by_offset[rejected.offset]
        assert (rejected.key, rejected.value, rejected.version) == (kept.key, kept.value, kept.version)
        assert rejected.broker_time == kept.broker_time


@given(records)
def test_what_a_reject_says_can_be_stored_as_text(found: list[Record]) -> None:
    for rejected in COUNTING.judge(found).rejects + STRICT.judge(found).rejects:
        for said in (rejected.detail, rejected.field or ""):
            assert "\0" not in said.encode().decode()
            assert len(said) <= 500


@given(records)
def test_judging_one_by_one_says_the_same_as_judging_the_range(found: list[Record]) -> None:
    whole, verdicts = STRICT.judge(found), [STRICT.judge_one(r) for r in found]
    ticks = [tuple(getattr(v, name) for name in FIELDS) for v in verdicts if isinstance(v, OrderBookTick)]
    assert [tuple(row[name] for name in FIELDS) for row in whole.ticks.to_pylist()] == ticks
    faults = zip(found, verdicts, strict=True)
    assert whole.rejects == [reject(r, v) for r, v in faults if isinstance(v, Fault)]


def test_one_bad_record_costs_only_itself() -> None:
    judged = STRICT.judge([record(written(), 0), record(b"broken", 1), record(written(sequence_id="8"), 2)])
    assert judged.ticks["sequence_id"].to_pylist() == [7, 8]
    assert judged.ticks["kafka_offset"].to_pylist() == [0, 2]
    assert [(r.offset, r.reason) for r in judged.rejects] == [(1, "json")]


def test_nothing_to_judge_gives_an_empty_table() -> None:
    judged = STRICT.judge([])
    assert (judged.ticks.num_rows, judged.ticks.schema, judged.rejects) == (0, TICKS, [])


def test_an_unknown_field_is_counted_where_the_setting_says_so() -> None:
    found = [record(written({"venue": '"ICE"', "flags": "[1]"}), 0), record(written(), 1)]
    judged = COUNTING.judge(found)
    assert (judged.ticks.num_rows, judged.unknown_fields, judged.rejects) == (2, 2, [])
    assert [r.reason for r in STRICT.judge(found).rejects] == ["unknown_field"]


def test_digits_of_time_that_are_floored_are_counted() -> None:
    judged = STRICT.judge([record(written(event_time='"2026-01-05T08:30:00.123456789Z"'))])
    assert (judged.ticks.num_rows, judged.floored_times) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_time": '"2025-12-20T00:00:00Z"'}, "late"),
        ({"event_time": '"1899-12-31T23:59:59Z"'}, "late"),
        ({"event_time": '"2026-01-05T08:35:00.000001Z"'}, "future"),
        ({"event_time": '"9999-12-31T00:00:00Z"'}, "future"),
        ({"bid_price": "28"}, "crossed"),
        ({"bid_price": "27.545"}, "locked"),
        ({"bid_price": "null", "bid_volume": "null"}, "one_sided"),
        ({"bid_price": "0"}, "nonpositive"),
        ({"ask_price": "-1"}, "nonpositive"),
        ({"bid_volume": "0"}, "volume"),
        ({"ask_volume": "-1"}, "volume"),
    ],
)
def test_the_symbol_s_profile_judges_what_is_well_formed(changes: dict[str, str], reason: str) -> None:
    (rejected,) = STRICT.judge([record(written(changes))]).rejects
    assert rejected.reason == reason


def test_each_symbol_has_its_own_profile() -> None:
    at_zero = {"bid_price": "-1", "ask_price": "0"}
    assert isinstance(STRICT.judge_one(record(written(at_zero, symbol='"TTF-GAS"'))), OrderBookTick)
    assert isinstance(STRICT.judge_one(record(written(at_zero, symbol='"XXX"'))), Fault)


def test_a_receive_time_before_the_event_time_is_no_reason() -> None:
    assert isinstance(STRICT.judge_one(record(written(received_time='"2020-01-01T00:00:00Z"'))), OrderBookTick)


@pytest.mark.parametrize("stamp", [-1, -(2**63), 2**62, 2**63 - 1])
def test_a_stamp_that_is_no_time_judges_no_age(stamp: int) -> None:
    found = Record(0, stamp, None, written(event_time='"2001-01-01T00:00:00Z"'), None)
    assert isinstance(STRICT.judge_one(found), OrderBookTick)


def test_ages_are_measured_against_the_broker_s_time_not_this_host_s() -> None:
    old = int((BROKER_TIME - timedelta(days=3000)).timestamp() * 1000)
    text = f'"{(BROKER_TIME - timedelta(days=3000)).isoformat()}"'
    assert isinstance(STRICT.judge_one(record(written(event_time=text), timestamp_ms=old)), OrderBookTick)


def test_a_reject_is_bounded_and_has_no_nul() -> None:
    rejected = reject(record(b"\0", 5), Fault("json", None, "\0" * 10_000 + "\ud800"))
    assert rejected == Reject(5, "json", None, ("\\0" * 10_000)[:500], BROKER_TIME, None, b"key", b"\0")


def test_a_verdict_without_a_count_is_the_same() -> None:
    judged = Judged(TICKS.empty_table())
    one = record(written({"venue": "1"}))
    assert isinstance(COUNTING.judge_one(one, judged), OrderBookTick)
    assert judged.unknown_fields == 1
    assert isinstance(COUNTING.judge_one(one), OrderBookTick)
