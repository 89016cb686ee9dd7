"""Binance captures line by line: quotes, what stands between them, and what is neither."""

from decimal import Decimal
from pathlib import Path

import pytest

from orderbook.feeds.binance import BinanceCapture
from orderbook.feeds.rows import BadLine, Item, Other, Row

QUOTE = (
    b'1723161255088169167 {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5,"s":"BTCUSDT",'
    b'"b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1,"E":1723161256313}}'
)


def read(folder: Path, line: bytes) -> Item:
    path = folder / "capture"
    path.write_bytes(line + b"\n")
    (item,) = BinanceCapture().rows(path)
    return item


def test_a_side_of_zero_price_and_size_is_absent(tmp_path: Path) -> None:
    row = read(tmp_path, QUOTE.replace(b"61800.20", b"0.00").replace(b"2.507", b"0.000"))
    assert isinstance(row, Row)
    assert (row.tick.bid_price, row.tick.bid_volume, row.tick.ask_price) == (None, None, Decimal("61800.3"))


def test_a_bare_message_without_its_stream_is_a_quote_too(tmp_path: Path) -> None:
    assert isinstance(read(tmp_path, b'1 {"u":5,"s":"X","b":"1","B":"1","a":"2","A":"1"}'), Row)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'1 {"stream":"x@depth@100ms","data":{}}', "depth"),
        (b'1 {"lastUpdateId":1,"bids":[],"asks":[]}', "snapshot"),
        (b'1 {"e":"trade"}', "trade"),
        (b'1 {"result":null,"id":1}', "unknown"),
    ],
)
def test_other_messages_are_told_by_their_kind(line: bytes, kind: str, tmp_path: Path) -> None:
    assert read(tmp_path, line) == Other(1, kind)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (QUOTE.partition(b" ")[2], "no receive time"),
        (QUOTE[:-5], "Expecting"),
        (QUOTE.replace(b'"B":"2.507",', b""), "a bookTicker without 'B'"),
        (QUOTE.replace(b"61800.20", b"NaN"), "is no number"),
        (QUOTE.replace(b'"u":5', b'"u":"five"'), "invalid literal"),
        (b"1 [1]", "not an object"),
        (b"9999999999999999999 " + QUOTE.partition(b" ")[2], ""),
    ],
)
def test_a_line_that_should_be_a_quote_and_is_not_is_told(line: bytes, why: str, tmp_path: Path) -> None:
    item = read(tmp_path, line)
    if not why:  # the year 2286: far, and still a time
        assert isinstance(item, Row)
        return
    assert isinstance(item, BadLine)
    assert why in item.why
