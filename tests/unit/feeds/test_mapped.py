"""CSV and NDJSON by a mapping: what is read is exact, what cannot be read is told with its line."""

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import zstandard

from orderbook.errors import ConfigError, Refused
from orderbook.feeds.mapped import CsvFile, FieldMapping, NdjsonFile
from orderbook.feeds.rows import BadLine, Format, Item, Row

PLAIN = FieldMapping({}, {})
HEAD = "symbol,event_time,received_time,bid_price,ask_price,bid_volume,ask_volume,sequence_id\n"
LINE = "TTF-GAS,2026-01-05T08:00:00Z,2026-01-05T08:00:00.001Z,27.530,27.545,120,85.5,7\n"


def read(source: Format, folder: Path, text: str | bytes) -> list[Item]:
    path = folder / "quotes"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(source.rows(path))


def bad(items: list[Item]) -> list[tuple[int, str]]:
    return [(item.line, item.why) for item in items if isinstance(item, BadLine)]


def test_a_csv_with_our_own_names_needs_no_mapping(tmp_path: Path) -> None:
    (row,) = read(CsvFile(PLAIN), tmp_path, HEAD + LINE)
    assert isinstance(row, Row)
    assert row.line == 2
    assert (row.tick.symbol, row.tick.bid_price, row.tick.sequence_id) == ("TTF-GAS", Decimal("27.53"), 7)
    assert row.tick.received_time == datetime(2026, 1, 5, 8, 0, 0, 1_000, UTC)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_a_file_may_be_packed(pack: object, tmp_path: Path) -> None:
    assert callable(pack)
    items = read(CsvFile(PLAIN), tmp_path, pack((HEAD + LINE).encode()))
    assert [type(item) for item in items] == [Row]


def test_columns_are_renamed_constants_set_and_times_counted_in_their_unit(tmp_path: Path) -> None:
    mapping = FieldMapping(
        {"received_time": "t", "bid_price": "b", "bid_volume": "bs", "ask_price": "a", "ask_volume": "as"},
        {"symbol": "NBP-GAS"},
        "ms",
    )
    (row,) = read(CsvFile(mapping, ";"), tmp_path, "t;b;bs;a;as\n1767600000123;75.1;1;75.2;2\n")
    assert isinstance(row, Row)
    assert row.tick.received_time == datetime(2026, 1, 5, 8, 0, 0, 123_000, UTC)
    assert row.tick.event_time == row.tick.received_time
    assert row.event_time_is_received
    assert row.tick.sequence_id == 2  # the line's number, where the feed counts nothing


def test_a_path_leads_into_nested_json_and_numbers_keep_every_digit(tmp_path: Path) -> None:
    columns = {"bid_price": "book.0.0", "bid_volume": "book.0.1", "ask_price": "book.1.0", "ask_volume": "book.1.1"}
    mapping = FieldMapping(columns | {"received_time": "at", "sequence_id": "n"}, {"symbol": "X"}, "ns")
    line = '{"at":1767600000000000999,"n":3,"book":[[0.1234567891,1],["123456789.123456789",2]]}\n'
    items = read(NdjsonFile(mapping), tmp_path, line + line.replace("0.1234567891", "0.123456789"))
    assert bad(items) == [(1, "bid_price: Decimal input should have no more than 9 decimal places")]
    row = items[1]
    assert isinstance(row, Row)
    assert (row.tick.bid_price, row.tick.ask_price) == (Decimal("0.123456789"), Decimal("123456789.123456789"))
    assert row.floored
    assert row.tick.received_time.microsecond == 0


def test_an_empty_side_is_absent_and_half_a_side_is_told(tmp_path: Path) -> None:
    rest = "TTF-GAS,2026-01-05T08:00:00Z,2026-01-05T08:00:00Z,"
    items = read(CsvFile(PLAIN), tmp_path, HEAD + rest + ",27.5,,3,1\n" + rest + ",,0,0,2\n" + rest + "27.5,,,,3\n")
    assert [type(item) for item in items] == [Row, Row, BadLine]
    one, empty = items[0], items[1]
    assert isinstance(one, Row)
    assert isinstance(empty, Row)
    assert (one.tick.bid_price, one.tick.bid_volume, one.tick.ask_volume) == (None, None, Decimal(3))
    assert (empty.tick.bid_price, empty.tick.ask_price) == (None, None)
    assert bad(items) == [(4, "a side has both a price and a volume, or neither")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (LINE.replace("27.530", "NaN"), "'NaN' is no number"),
        (LINE.replace("27.530", "abc"), "'abc' is no number"),
        (LINE.replace("27.530", "27,530"), "9 cells where 8 columns are named"),
        (LINE.replace(",7\n", ",7.5\n"), "sequence_id: '7.5' is no whole number"),
        (LINE.replace("08:00:00Z", "08:00:00"), "event_time: not an ISO-8601 time with a zone"),
        (LINE.replace("2026-01-05T08:00:00.001Z", ""), "received_time: missing"),
        (LINE.replace("TTF-GAS", "T\tF"), "symbol: not 1 to 64 printable"),
        ('"' + LINE, "unexpected end of data"),
    ],
)
def test_a_line_that_is_no_quote_is_told_with_its_number_and_costs_no_other(
    line: str, why: str, tmp_path: Path
) -> None:
    items = read(CsvFile(PLAIN), tmp_path, HEAD + LINE + line + LINE)
    assert [type(item) for item in items] == [Row, BadLine, Row]
    assert [(number, why in told) for number, told in bad(items)] == [(3, True)]


@pytest.mark.parametrize(
    ("line", "why"),
    [(b"{", "no JSON"), (b"[1]", "not an object"), (b"\xff", "no JSON"), (b"[" * 100_000, "no JSON")],
    ids=["cut", "array", "bytes", "deep"],
)
def test_a_json_line_that_is_no_quote_is_told(line: bytes, why: str, tmp_path: Path) -> None:
    ((number, told),) = bad(read(NdjsonFile(PLAIN), tmp_path, line + b"\n"))
    assert (number, why in told) == (1, True)


def test_a_packed_file_that_was_cut_off_says_from_where_on(tmp_path: Path) -> None:
    items = read(CsvFile(PLAIN), tmp_path, gzip.compress((HEAD + LINE * 50_000).encode())[:-9_000])
    assert isinstance(items[0], Row)
    assert [(number, "cannot be unpacked" in why) for number, why in bad(items)] == [(len(items) + 1, True)]


def test_a_mapped_column_that_is_not_there_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"has no column 'bid'.*--map"):
        read(CsvFile(FieldMapping({"bid_price": "bid"}, {})), tmp_path, HEAD + LINE)


def test_a_field_that_no_tick_has_is_a_wrong_mapping() -> None:
    with pytest.raises(ConfigError, match="no field 'price'"):
        FieldMapping({"price": "p"}, {})
    with pytest.raises(ConfigError, match="'symbol' comes from a column and is set too"):
        FieldMapping({"symbol": "s"}, {"symbol": "X"})
