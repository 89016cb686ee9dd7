"""A tick is exact: what is written is what is read, to the last digit, or nothing is."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orderbook.store.rows.copy_out import EXACT
from orderbook.tick import (
    FIELDS,
    MAX_SEQUENCE,
    DuplicateKey,
    OrderBookTick,
    decode,
    encode,
    finer_than_microseconds,
    is_symbol,
    microseconds,
)
from tests.unit.wire import VALID, exact_numbers, written

symbols = st.from_regex(r"[!-~](?:[ -~]{0,62}[!-~])?", fullmatch=True)
zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30), timezones=zones)  # noqa: DTZ001 - Hypothesis adds the zone
numbers = st.none() | exact_numbers()
ticks = st.builds(
    OrderBookTick,
    symbol=symbols,
    event_time=instants,
    received_time=instants,
    bid_price=numbers,
    ask_price=numbers,
    bid_volume=numbers,
    ask_volume=numbers,
    sequence_id=st.integers(0, MAX_SEQUENCE),
)


def parse(value: bytes) -> OrderBookTick:
    return OrderBookTick.model_validate(decode(value))


@given(ticks)
def test_what_is_encoded_is_read_back_to_the_last_digit(tick: OrderBookTick) -> None:
    assert parse(encode(tick)) == tick


@given(ticks)
def test_an_encoded_tick_is_plain_json_that_any_reader_takes(tick: OrderBookTick) -> None:
    document = json.loads(encode(tick), parse_float=Decimal, parse_int=Decimal)
    assert list(document) == list(FIELDS)
    assert [document[name] for name in FIELDS[3:]] == [getattr(tick, name) for name in FIELDS[3:]]


@given(exact_numbers(), st.sampled_from(["{0:f}", "{0:e}", '"{0:f}"', '"{0:e}"']))
def test_a_number_may_be_a_json_number_or_a_string_and_is_exact_either_way(number: Decimal, form: str) -> None:
    assert parse(written(bid_price=form.format(number))).bid_price == number


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,4})?", fullmatch=True))
def test_a_number_that_is_taken_fits_its_column_exactly(text: str) -> None:
    try:
        number = parse(written(bid_price=text)).bid_price
    except ValidationError:
        return
    assert number == Decimal(text)
    assert pa.array([number], EXACT).to_pylist() == [number]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", "0.1"),
        ('"0.1"', "0.1"),
        ("27.530", "27.53"),
        ("1e2", "100"),
        ("100E-2", "1"),
        ("1e-9", "0.000000001"),
        ("999999999.999999999", "999999999.999999999"),
        ("-999999999.999999999", "-999999999.999999999"),
        ("1.0000000000", "1"),  # ten places, but no digit is lost
        ("-0", "0"),
        ("0e9999", "0"),
        ("0e-9999", "0"),
        ("null", None),
    ],
)
def test_numbers_keep_their_value(text: str, expected: str | None) -> None:
    assert parse(written(bid_price=text)).bid_price == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize("text", ["9223372036854775807", "0"])
def test_a_sequence_id_has_63_bits(text: str) -> None:
    assert parse(written(sequence_id=text)).sequence_id == int(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05T08:30:00Z", (8, 30, 0, 0)),
        ("2026-01-05T08:30:00.1Z", (8, 30, 0, 100_000)),
        ("2026-01-05T10:30:00+02:00", (8, 30, 0, 0)),
        ("2026-01-05T08:30:00-00:00", (8, 30, 0, 0)),
        ("2026-01-05T08:30:00.123456999Z", (8, 30, 0, 123_456)),  # floored, never rounded
        ("2026-01-05T08:30:59.999999999Z", (8, 30, 59, 999_999)),
    ],
)
def test_times_are_utc_and_floored_to_microseconds(text: str, expected: tuple[int, ...]) -> None:
    assert parse(written(event_time=f'"{text}"')).event_time == datetime(2026, 1, 5, *expected, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fraction", "loses"),
    [("", False), (".123456", False), (".123456000", False), (".1234567", True), (".000000001", True)],
)
def test_a_time_that_loses_digits_is_known(fraction: str, loses: bool) -> None:
    assert finer_than_microseconds(f"2026-01-05T08:30:00{fraction}Z") is loses


@given(instants)
def test_microseconds_of_an_instant_are_whole_and_exact(at: datetime) -> None:
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(at)) == at


@pytest.mark.parametrize(
    "symbol", ["TTF-GAS", "TFM FMH0024!", "A", "x" * 64, r"\.", r"\N", "'; DROP TABLE ticks", '"', "\\"]
)
def test_an_odd_symbol_is_stored_as_it_is(symbol: str) -> None:
    assert is_symbol(symbol)
    assert parse(written(symbol=json.dumps(symbol))).symbol == symbol


@pytest.mark.parametrize("symbol", ["", " A", "A ", "x" * 65, "a\tb", "a\nb", "A\n", "é", "\u200b", "٣", "\0"])
def test_a_symbol_has_1_to_64_printable_ascii_characters(symbol: str) -> None:
    assert not is_symbol(symbol)


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'[{"a":1,"\\u0061":2}]',
    ],
)
def test_a_key_that_stands_twice_is_refused_at_any_depth(value: bytes) -> None:
    with pytest.raises(DuplicateKey):
        decode(value)


def test_a_tick_of_our_own_making_needs_aware_times_and_exact_numbers() -> None:
    good = parse(written()).model_dump()
    for wrong in ({"event_time": datetime(2026, 1, 5)}, {"bid_price": 27.5}, {"sequence_id": True}):  # noqa: DTZ001
        with pytest.raises(ValidationError):
            OrderBookTick(**{**good, **wrong})


def test_a_tick_never_changes() -> None:
    with pytest.raises(ValidationError):
        parse(written()).symbol = "X"


def test_the_fields_stand_in_the_order_of_the_wire() -> None:
    assert list(VALID) == list(FIELDS)
