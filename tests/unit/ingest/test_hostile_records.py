"""Hostile records: each gets the reason that names what is wrong, and none costs more than itself."""

import gzip

import pytest

from orderbook.ingest.validator import Validator
from orderbook.profiles import REASONS, Fault, load_profiles
from tests.unit.wire import ABSENT, record, written

VALIDATOR = Validator(load_profiles(None))

DIGITS_5000 = "9" * 5000

SPOILED = {
    # number: never rounded, never a float, never another alphabet's digits
    "NaN as a string": ({"bid_price": '"NaN"'}, "number", "bid_price"),
    "signalling NaN": ({"bid_price": '"sNaN"'}, "number", "bid_price"),
    "infinity as a string": ({"bid_price": '"Infinity"'}, "number", "bid_price"),
    "1e309": ({"bid_price": "1e309"}, "number", "bid_price"),
    "1e309 as a string": ({"bid_price": '"1e309"'}, "number", "bid_price"),
    "an exponent of a million": ({"bid_price": '"1E+1000000"'}, "number", "bid_price"),
    "an exponent of -400": ({"bid_price": '"1e-400"'}, "number", "bid_price"),
    "19 digits": ({"bid_price": "1234567890123456789"}, "number", "bid_price"),
    "19 digits around the point": ({"ask_price": "1234567890.123456789"}, "number", "ask_price"),
    "ten digits before the point": ({"bid_price": "1234567890"}, "number", "bid_price"),
    "thirteen places": ({"bid_price": '"0.1234567890123"'}, "number", "bid_price"),
    "ten places": ({"bid_volume": "0.1234567891"}, "number", "bid_volume"),
    "38 places of which the last counts": ({"bid_price": "1." + "0" * 37 + "1"}, "number", "bid_price"),
    "true as a price": ({"bid_price": "true"}, "number", "bid_price"),
    "underscore": ({"bid_price": '"1_000"'}, "number", "bid_price"),
    "spaces": ({"bid_price": '" 1.5 "'}, "number", "bid_price"),
    "a newline": ({"bid_price": '"1.5\\n"'}, "number", "bid_price"),
    "arabic-indic digits": ({"bid_price": '"١٢"'}, "number", "bid_price"),
    "decimal comma": ({"bid_price": '"1,5"'}, "number", "bid_price"),
    "hexadecimal": ({"bid_price": '"0x10"'}, "number", "bid_price"),
    "leading plus": ({"bid_price": '"+1"'}, "number", "bid_price"),
    "leading zeros": ({"bid_price": '"007"'}, "number", "bid_price"),
    "no digit before the point": ({"bid_price": '".5"'}, "number", "bid_price"),
    "no digit after the point": ({"bid_price": '"5."'}, "number", "bid_price"),
    "an empty string": ({"ask_volume": '""'}, "number", "ask_volume"),
    "a list": ({"bid_price": "[1]"}, "number", "bid_price"),
    "an object": ({"bid_price": "{}"}, "number", "bid_price"),
    "5,000 digits": ({"bid_price": DIGITS_5000}, "number", "bid_price"),
    # schema
    "missing price": ({"bid_price": ABSENT}, "schema", "bid_price"),
    "missing symbol": ({"symbol": ABSENT}, "schema", "symbol"),
    "missing sequence": ({"sequence_id": ABSENT}, "schema", "sequence_id"),
    "a price without its volume": ({"bid_volume": "null"}, "schema", "bid_volume"),
    "a volume without its price": ({"ask_price": "null"}, "schema", "ask_volume"),
    # symbol
    "NUL in the symbol": ({"symbol": '"A\\u0000B"'}, "symbol", "symbol"),
    "a lone surrogate": ({"symbol": '"\\ud800"'}, "symbol", "symbol"),
    "zero width": ({"symbol": '"A\\u200bB"'}, "symbol", "symbol"),
    "right to left": ({"symbol": '"\\u202eSAG"'}, "symbol", "symbol"),
    "escaped newline": ({"symbol": '"A\\nB"'}, "symbol", "symbol"),
    "escaped tab": ({"symbol": '"A\\tB"'}, "symbol", "symbol"),
    "a megabyte of symbol": ({"symbol": '"' + "A" * 2**20 + '"'}, "symbol", "symbol"),
    "no symbol": ({"symbol": '""'}, "symbol", "symbol"),
    "symbol null": ({"symbol": "null"}, "symbol", "symbol"),
    "symbol of digits": ({"symbol": "7"}, "symbol", "symbol"),
    # sequence
    "2^63": ({"sequence_id": str(2**63)}, "sequence", "sequence_id"),
    "2^64": ({"sequence_id": str(2**64)}, "sequence", "sequence_id"),
    "5,000 digits of sequence": ({"sequence_id": DIGITS_5000}, "sequence", "sequence_id"),
    "1.0": ({"sequence_id": "1.0"}, "sequence", "sequence_id"),
    "1.5": ({"sequence_id": "1.5"}, "sequence", "sequence_id"),
    "1e3": ({"sequence_id": "1e3"}, "sequence", "sequence_id"),
    "a string": ({"sequence_id": '"7"'}, "sequence", "sequence_id"),
    "sequence true": ({"sequence_id": "true"}, "sequence", "sequence_id"),
    "-1": ({"sequence_id": "-1"}, "sequence", "sequence_id"),
    "sequence null": ({"sequence_id": "null"}, "sequence", "sequence_id"),
    # unknown field
    "one more field": ({"venue": '"ICE"'}, "unknown_field", "venue"),
    "900 levels": ({"deep": "[" * 900 + "]" * 900}, "unknown_field", "deep"),
    "a surrogate as a name": ({"\\ud800": "1"}, "schema", None),  # no string, to pydantic
}  # fmt: skip

TIMES = {
    "naive": "2026-01-05T08:30:00",
    "date only": "2026-01-05",
    "a space for the T": "2026-01-05 08:30:00Z",
    "lower case": "2026-01-05t08:30:00z",
    "leap second": "2026-01-05T08:30:60Z",
    "hour 24": "2026-01-05T24:00:00Z",
    "month 13": "2026-13-05T08:30:00Z",
    "30 February": "2026-02-30T08:30:00Z",
    "offset +25:00": "2026-01-05T08:30:00+25:00",
    "offset +14:60": "2026-01-05T08:30:00+14:60",
    "offset without a colon": "2026-01-05T08:30:00+0100",
    "before the first year in UTC": "0001-01-01T00:00:00+14:00",
    "after the last year in UTC": "9999-12-31T23:59:59-01:00",
    "year 10000": "+10000-01-01T00:00:00Z",
    "ten places": "2026-01-05T08:30:00.1234567890Z",
    "a trailing newline": "2026-01-05T08:30:00Z\\n",
    "arabic-indic digits": "٢٠٢٦-01-05T08:30:00Z",
    "infinity": "infinity",
    "now": "now",
    "tomorrow": "tomorrow",
    "epoch": "epoch",
}
EPOCHS = {
    "seconds": "1767601800",
    "milliseconds": "1767601800123",
    "nanoseconds": "1767601800123456789",
    "float": "1.5",
}

NOT_JSON = {
    "NaN literal": written(bid_price="NaN"),
    "Infinity literal": written(bid_price="Infinity"),
    "-Infinity literal": written(bid_price="-Infinity"),
    "leading zeros": written(bid_price="007"),
    "leading plus": written(bid_price="+1"),
    "NUL byte": written().replace(b"NBP", b"N\0P"),
    "raw newline in a string": written().replace(b"NBP", b"N\nP"),
    "raw tab in a string": written().replace(b"NBP", b"N\tP"),
    "invalid UTF-8": written().replace(b"NBP", b"N\xffP"),
    "overlong UTF-8": written().replace(b"NBP", b"N\xc0\xafP"),
    "UTF-8 of a surrogate": written().replace(b"NBP", b"N\xed\xa0\x80P"),
    "byte order mark": b"\xef\xbb\xbf" + written(),
    "UTF-16": written().decode().encode("utf-16"),
    "UTF-16 without a mark": written().decode().encode("utf-16-le"),
    "UTF-32": written().decode().encode("utf-32"),
    "a key twice": written()[:-1] + b',"bid_price":27.531}',
    "a key twice, the same": written()[:-1] + b',"bid_price":27.530}',
    "a key twice, escaped": written()[:-1] + b',"bid_pric\\u0065":27.531}',
    "nothing": b"",
    "a space": b" ",
    "truncated": written()[:-1],
    "two documents": written() * 2,
    "two documents, a line each": written() + b"\n" + written(),
    "trailing garbage": written() + b"x",
    "trailing NUL": written() + b"\0",
    "single quotes": written().replace(b'"', b"'"),
    "trailing comma": written()[:-1] + b",}",
    "a comment": written() + b"// late",
    "100,000 brackets": b"[" * 100_000,
    "a megabyte of braces": b'{"a":' * 200_000,
    "gzip": gzip.compress(written()),
}

NOT_AN_OBJECT = [
    b"null",
    b"[]",
    b'"x"',
    b"1",
    b"1.5",
    b"true",
    b"[" + written() + b"]",
    b'"{}"',
    b"[" * 900 + b"]" * 900,
]


def judged(value: bytes | None, **about: object) -> Fault:
    verdict = VALIDATOR.judge_one(record(value, **about))
    assert isinstance(verdict, Fault)
    return verdict


@pytest.mark.parametrize(("changes", "reason", "field"), SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_field_is_named(changes: dict[str, str], reason: str, field: str | None) -> None:
    fault = judged(written(changes))
    assert (fault.reason, fault.field) == (reason, field)
    assert len(fault.detail) <= 500


@pytest.mark.parametrize("field", ["event_time", "received_time"])
@pytest.mark.parametrize(
    "text", [f'"{text}"' for text in TIMES.values()] + list(EPOCHS.values()), ids=[*TIMES, *EPOCHS]
)
def test_what_is_no_aware_time_is_no_time(field: str, text: str) -> None:
    fault = judged(written({field: text}))
    assert (fault.reason, fault.field) == ("time", field)


@pytest.mark.parametrize("value", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_strict_json_in_utf8_is_not_read(value: bytes) -> None:
    assert judged(value).reason == "json"


@pytest.mark.parametrize("value", NOT_AN_OBJECT, ids=lambda value: repr(value[:12]))
def test_what_is_no_object_is_no_tick(value: bytes) -> None:
    fault = judged(value)
    assert fault.reason == "schema"
    assert "not an object" in fault.detail


def test_a_tombstone_is_no_tick() -> None:
    assert judged(None).reason == "tombstone"


def test_an_empty_object_lacks_its_first_field() -> None:
    assert judged(b"{}")[:2] == ("schema", "symbol")


@pytest.mark.parametrize(
    "version", [b"2", b"999999", b"0", b"", b"-1", b"1.0", b"x", b"\xff", b"9" * 5000, b"\xd9\xa1"]
)
def test_a_version_that_this_code_does_not_know_is_not_guessed(version: bytes) -> None:
    assert judged(written(), version=version).reason == "version"


@pytest.mark.parametrize("version", [None, b"1", b"01"])
def test_the_known_version_may_be_left_out(version: bytes | None) -> None:
    assert not isinstance(VALIDATOR.judge_one(record(written(), version=version)), Fault)


def test_every_reason_is_of_the_closed_list() -> None:
    assert {reason for _, reason, _ in SPOILED.values()} <= set(REASONS)
