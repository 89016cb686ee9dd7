"""Records read where their values stand: whatever is read is what the model reads, to the last digit."""

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.layout import Layout, layout_of
from orderbook.ingest.validator import Validator
from orderbook.profiles import Profile, Profiles
from orderbook.stream.records import MARGIN, Record, Spans
from orderbook.tick import FIELDS, OrderBookTick, decode, encode

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ANYTHING = Profile(
    "anything", allow_nonpositive_price=True, allow_locked=True, allow_one_sided=True, allow_zero_volume=True
)
PROFILES = Profiles([], ANYTHING)


def a_tick(number: int = 0, **changes: object) -> bytes:
    values = {
        "symbol": "TTF-GAS",
        "event_time": NOW + timedelta(microseconds=number),
        "received_time": NOW,
        "bid_price": Decimal("27.53"),
        "ask_price": Decimal("27.545"),
        "bid_volume": Decimal(10),
        "ask_volume": Decimal(5),
        "sequence_id": number,
    }
    return encode(OrderBookTick(**{**values, **changes}))


def in_a_log(records: Sequence[bytes]) -> tuple[bytes, Spans]:
    """The records in one text, and where they stand; what a log has between two may be any bytes."""
    between = itertools.cycle([b"\x06\x00,k", b"", b'"}\n{"', b"\xff,,,,,,,"])
    text, starts = MARGIN, []
    for record in records:
        text += next(between)
        starts.append(len(text))
        text += record
    begins = np.array(starts, np.int64)
    return text + MARGIN, Spans(begins, begins + [len(record) for record in records])


def read(records: Sequence[bytes], layout: Layout | None = None) -> list[dict[str, object] | None]:
    """What was read of each record, None where it was left to others."""
    text, spans = in_a_log(records)
    layout = layout or layout_of(text, spans)
    assert layout is not None
    table, certain = layout.read(text, spans)
    rows = iter(table.to_pylist())
    return [next(rows) if there else None for there in certain.tolist()]


def parsed(record: bytes) -> dict[str, object] | None:
    """What the model makes of it, None where it refuses it."""
    try:
        return OrderBookTick(**decode(record)).model_dump()
    except (ValueError, TypeError):
        return None


def with_raw(field: str, raw: str) -> bytes:
    """A tick with these characters as the value of one field."""
    tick = decode(a_tick(7))
    parts = [
        f'"{name}":' + (raw if name == field else f'"{value}"' if "time" in name or name == "symbol" else value)
        for name, value in tick.items()
    ]
    return ("{" + ",".join(parts) + "}").encode()


NUMBERS = "0 -0 1 12345678 0.1 -27.53 99999999.9999999"
SEQUENCES = "0 7 12345678 123456789 9999999999999999"
SYMBOLS = "A|TFM FMH0024!|ABCDEFGH|ABCDEFGHIJKLMNOP|a.b:c{d}"
TIMES = "2026-03-01T12:00:00Z 2024-02-29T23:59:59.9Z 2026-03-01T12:00:00.123Z"
PLAIN = [
    *((name, raw) for name in FIELDS[3:7] for raw in NUMBERS.split()),
    *(("sequence_id", raw) for raw in SEQUENCES.split()),
    *(("symbol", f'"{raw}"') for raw in SYMBOLS.split("|")),
    *(("event_time", f'"{raw}"') for raw in TIMES.split()),
]
ODD_NUMBERS = "null|01|-|-01|1.|.5|+1|1e2|1.2.3|--1|1-| 1|123456789|0.12345678||true"
ODD_SEQUENCES = "-1|01|1.0|12345678901234567|null|"
ODD_SYMBOLS = '| A|A |ABCDEFGHIJKLMNOPQ|a\\u0041|A\0|A\n|é|a,b|a"b'
ODD_TIMES = (
    "2026-02-30T12:00:00Z|2026-03-01T24:00:00Z|2026-03-01T12:60:00Z|2026-03-01T12:00:60Z|2026-03-01 12:00:00Z|"
    "2026-03-01T12:00:00.Z|2026-03-01T12:00:00|2026-03-01|2026-03-01T12:00:00.1234567Z|2026-03-01T12:00:00+00:00|"
    "0000-01-01T00:00:00Z|2026-3-01T12:00:00.5Z|2026-03-01T12:00:00.12aZ|2026-03-01T12:00:00z|2026-03-01T12:00:0/Z"
)
ODD = [
    *(("bid_price", raw) for raw in ODD_NUMBERS.split("|")),
    *(("sequence_id", raw) for raw in ODD_SEQUENCES.split("|")),
    *(("symbol", f'"{raw}"') for raw in ODD_SYMBOLS.split("|")),
    *(("event_time", f'"{raw}"') for raw in ODD_TIMES.split("|")),
]


@pytest.mark.parametrize(("field", "raw"), PLAIN)
def test_a_plain_value_is_read_as_the_model_reads_it(field: str, raw: str) -> None:
    record = with_raw(field, raw)

    (found,) = read([record], Layout.of(a_tick()))

    assert found is not None
    assert found == parsed(record)


@pytest.mark.parametrize(("field", "raw"), ODD)
def test_what_is_not_plain_is_left_to_others(field: str, raw: str) -> None:
    odd = with_raw(field, raw)

    first, found, last = read([a_tick(1), odd, a_tick(2)])

    assert found is None
    assert (first, last) == (parsed(a_tick(1)), parsed(a_tick(2)))


@pytest.mark.parametrize(
    "record",
    [
        a_tick().replace(b",", b", ").replace(b":", b": ", 1),
        a_tick().replace(b"}", b" }"),
        b'{"sequence_id":7,' + a_tick()[1:].replace(b',"sequence_id":0', b""),
    ],
)
def test_a_layout_is_learnt_whatever_its_order_and_its_spaces(record: bytes) -> None:
    assert read([record]) == [parsed(record)]


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        b"null",
        a_tick()[:-1],
        a_tick() + b" ",
        a_tick() + a_tick(),
        a_tick().replace(b"bid_price", b"ask_price"),
        a_tick().replace(b'"sequence_id":0', b'"sequence_id":0,"venue":1'),
        a_tick().replace(b"27.53", b'"27.53"'),
        a_tick().replace(b',"bid', b"," + b" " * 40 + b'"bid'),
    ],
)
def test_what_is_no_flat_tick_teaches_nothing(record: bytes) -> None:
    assert Layout.of(record) is None


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 3), count=st.integers(1, 40))
def test_a_damaged_record_is_read_as_the_model_reads_it_or_not_at_all(seed: int, changes: int, count: int) -> None:
    chance = random.Random(seed)
    records = [a_tick(n, symbol=chance.choice(["A", "TTF-GAS", "NBP-GAS-LONG"])) for n in range(count)]
    for at in range(0, count, 2):
        damaged = bytearray(records[at])
        for _ in range(changes):
            place = chance.randrange(len(damaged))
            end = place + chance.choice([0, 1, 1, 1, 2, 8])
            damaged[place:end] = chance.choice(
                [b"", b"0", b",", b'"', b"\\", b"\n", b"}", b"{", b"9", b".", b"-", b"\0", b"\xff", b" ", b"1,"]
            )
        records[at] = bytes(damaged)

    for record, found in zip(records, read(records, Layout.of(a_tick())), strict=True):
        if found is not None:
            assert found == parsed(record)
    assert all(found is not None for found in read(records, Layout.of(a_tick()))[1::2])


def test_two_producers_that_write_otherwise_are_both_read_by_their_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [a_tick(n) if n % 2 else a_tick(n).replace(b":", b": ", 1) for n in range(400)]
    lane = FastLane(Validator(PROFILES), PROFILES)
    monkeypatch.setattr("orderbook.ingest.fast_lane.parse_lines", None)  # nobody else reads them

    accepted = lane.judge([Record(n, -1, None, record, None) for n, record in enumerate(records)]).ticks

    assert sorted(accepted["kafka_offset"].to_pylist()) == list(range(400))
    assert sorted(accepted["sequence_id"].to_pylist()) == list(range(400))
