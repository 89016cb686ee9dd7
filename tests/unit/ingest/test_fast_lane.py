"""The fast lane and the judge: one verdict, whichever way a range is judged."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.validator import Judged, Validator
from orderbook.profiles import Profile, Profiles, load_profiles
from orderbook.stream.records import Record
from orderbook.tick import OrderBookTick, encode

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
STAMP = int(NOW.timestamp() * 1000)
PROFILES = Profiles(
    [
        ("TTF-*", Profile("energy", allow_nonpositive_price=True, max_age_seconds=60, max_ahead_seconds=5)),
        ("OLD-*", Profile("historical", allow_locked=True, allow_one_sided=True, allow_zero_volume=True)),
    ],
    Profile("default", max_age_seconds=60, max_ahead_seconds=5),
)

number = st.sampled_from(
    [
        "27.53",
        "27.545",
        "0",
        "-1.5",
        "1e2",
        "0e9999",
        "0e-9999",
        "0E5",
        "5e-1",
        "1000000000e-3",
        "-0.0",
        "0.000000001",
        "999999999.999999999",
        "1234567890.5",
        "1.1000000000",
        "1.1234567891",
        "1e309",
        "true",
        "NaN",
        "null",
        '"27.53"',
        '"+1"',
        "01",
        "[1]",
        "{}",
    ]
)
time = st.sampled_from(
    [
        '"2026-03-01T12:00:00.123456Z"',
        '"2026-03-01T11:59:30Z"',
        '"2026-03-01T12:00:05.1234567Z"',
        '"2026-03-01"',
        '"2026-03-01T12:00:00"',
        '"2026-03-01 12:00:00Z"',
        '"2026-03-01T12:00:00+00:00"',
        '"2026-02-30T12:00:00Z"',
        '"2026-03-01T12:00:60Z"',
        '"1850-01-01T00:00:00Z"',
        '"2250-01-01T00:00:00Z"',
        '"2026-03-01T12:00:00.Z"',
        "5",
        "null",
    ]
)
symbol = st.sampled_from(
    ['"TTF-GAS"', '"OLD-ONE"', '"NBP"', '" x"', '""', '"a\\u0041b"', '"a\\"b"', '"\\u00e9"', "null", "7"]
)
sequence = st.sampled_from(["1", "0", "-1", "9223372036854775807", "9223372036854775808", "1.0", '"7"', "null", "1e2"])
extra = st.sampled_from(["", "", "", "", ',"venue":1', ',"bid_price":5', "}{", " ", "\n"])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A tick in which anything may be odd; mostly little is."""
    odd = draw(st.sets(st.integers(0, 8), max_size=2))
    parts = [symbol, time, time, number, number, number, number, sequence]
    plain = ['"TTF-GAS"', f'"{NOW:%Y-%m-%dT%H:%M:%S.%f}Z"'] * 1 + [
        f'"{NOW:%Y-%m-%dT%H:%M:%S}Z"',
        "27.53",
        "27.545",
        "1",
        "2",
        "9",
    ]
    values = [
        draw(part) if place in odd else value for place, (part, value) in enumerate(zip(parts, plain, strict=True))
    ]
    names = [
        "symbol",
        "event_time",
        "received_time",
        "bid_price",
        "ask_price",
        "bid_volume",
        "ask_volume",
        "sequence_id",
    ]
    body = ",".join(f'"{name}":{value}' for name, value in zip(names, values, strict=True))
    return f"{{{body}{draw(extra) if 8 in odd else ''}}}".encode()


@st.composite
def record_lists(draw: st.DrawFn) -> list[Record]:
    values = draw(
        st.lists(st.one_of(documents(), documents(), documents(), st.binary(max_size=12), st.none()), max_size=60)
    )
    stamps = st.sampled_from([STAMP, STAMP, STAMP + 90_000, -1])
    versions = st.sampled_from([None, None, b"1", b"2"])
    return [Record(n, draw(stamps), None, value, draw(versions)) for n, value in enumerate(values)]


def rows(judged: Judged) -> list[dict[str, Any]]:
    return sorted(judged.ticks.to_pylist(), key=lambda row: row["kafka_offset"])


def lanes() -> tuple[FastLane, Validator]:
    validator = Validator(PROFILES)
    return FastLane(validator, PROFILES), validator


@given(record_lists())
@settings(max_examples=400, deadline=None)
def test_both_lanes_give_equal_verdicts(records: list[Record]) -> None:
    fast, judge = lanes()
    for _ in range(2):  # a lane that has just met bad records looks first
        one, other = fast.judge(records), judge.judge(records)
        assert rows(one) == rows(other)
        assert sorted(one.rejects) == sorted(other.rejects)


def valid(count: int, **changes: Any) -> list[Record]:
    values = {
        "symbol": "TTF-GAS",
        "event_time": NOW,
        "received_time": NOW + timedelta(microseconds=5),
        "bid_price": Decimal("27.530"),
        "ask_price": Decimal("27.545"),
        "bid_volume": Decimal(120),
        "ask_volume": Decimal("0.000000001"),
    }
    ticks = [OrderBookTick(**{**values, "sequence_id": n, **changes}) for n in range(count)]
    return [Record(n, STAMP, b"k", encode(tick), b"1") for n, tick in enumerate(ticks)]


class Idle(Validator):
    """A validator that must not be needed."""

    def judge(self, records: Any) -> Judged:
        raise AssertionError(f"{len(records)} records were not certain")


@pytest.mark.parametrize("count", [1, 2, 1_000])
def test_valid_ticks_never_need_the_validator(count: int) -> None:
    judged = FastLane(Idle(PROFILES), PROFILES).judge(valid(count))
    assert judged.ticks.num_rows == count
    assert judged.rejects == []


def test_a_range_of_few_records_is_the_validator_s_whole() -> None:
    with pytest.raises(AssertionError, match="31 records"):
        FastLane(Idle(PROFILES), PROFILES, fewest=32).judge(valid(31))
    assert FastLane(Idle(PROFILES), PROFILES, fewest=32).judge(valid(32)).ticks.num_rows == 32
    few = valid(31)
    assert FastLane(Validator(PROFILES), PROFILES, fewest=32).judge(few).ticks.equals(lanes()[0].judge(few).ticks)


def test_no_records_are_no_rows() -> None:
    judged = lanes()[0].judge([])
    assert (judged.ticks.num_rows, judged.rejects) == (0, [])


@pytest.mark.parametrize("garbage", [b'{"symbol":', b"\xff", b"", b"{}{}", valid(1)[0].value[:-1]])  # type: ignore[index]
def test_one_bad_record_sends_only_few_to_the_validator(garbage: bytes) -> None:
    counted: list[int] = []

    class Counting(Validator):
        def judge(self, records: Any) -> Judged:
            counted.append(len(records))
            return super().judge(records)

    records = valid(5_000)
    records[2_345] = records[2_345]._replace(value=garbage)
    judged = FastLane(Counting(PROFILES), PROFILES).judge(records)
    assert judged.ticks.num_rows == 4_999
    assert [reject.offset for reject in judged.rejects] == [2_345]
    assert sum(counted) <= 64


def test_the_presets_accept_what_the_simulator_sends_in_the_fast_lane() -> None:
    profiles = load_profiles(None)
    assert FastLane(Idle(profiles), profiles).judge(valid(10)).ticks.num_rows == 10


@pytest.mark.parametrize("name", ["bid_price", "ask_price", "bid_volume", "ask_volume"])
@pytest.mark.parametrize(
    "text", ["1234567890.5", "-1234567890.5", "12345678901234567890", "99999999999999999999999999"]
)
def test_a_number_with_a_digit_too_many_is_left_to_the_validator(name: str, text: str) -> None:
    (record,) = valid(1)
    assert record.value is not None
    value = re.sub(rf'"{name}":[^,]+'.encode(), f'"{name}":{text}'.encode(), record.value)
    judged = lanes()[0].judge([record._replace(value=value)])
    assert [reject.reason for reject in judged.rejects] == ["number"]
