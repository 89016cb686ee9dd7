"""Every quote of the real captures is read, and the figures are those that were measured on the files."""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from orderbook.errors import Refused
from orderbook.feeds.binance import BinanceCapture
from orderbook.feeds.databento import QUOTES, DatabentoFile
from orderbook.feeds.rows import Item, Other, Row
from tests.unit.feeds.captures import CAPTURES, FUTURES, SPOT, capture, needs_captures

pytestmark = needs_captures


def split(items: list[Item]) -> tuple[list[Row], Counter[str]]:
    """The quotes, and what else there was by kind."""
    rows = [item for item in items if isinstance(item, Row)]
    others = Counter(item.kind for item in items if isinstance(item, Other))
    assert len(rows) + others.total() == len(items), "no bad line"
    return rows, others


@pytest.mark.parametrize(
    ("name", "symbol", "lines", "count", "others", "sums", "first", "last"),
    [
        (
            FUTURES, "BTCUSDT", 93_954, 66_089, {"depth": 6_551, "trade": 21_313, "snapshot": 1},
            ("4078794124.5", "4078807625.3", "237659.035", "316829.09"),
            "2024-08-08T23:54:15.088169Z", "2024-08-08T23:59:59.439160Z",
        ),
        (
            SPOT, "ETHUSDT", 33_618, 24_077, {"depth": 3_434, "trade": 6_106, "snapshot": 1},
            ("64586727.48", "64587230.47", "234005.0327", "247623.5352"),
            "2024-08-08T23:54:14.024619Z", "2024-08-08T23:59:59.900862Z",
        ),
    ],
    ids=["futures", "spot"],
)  # fmt: skip
def test_a_binance_capture_is_read_whole_and_exact(
    name: str, symbol: str, lines: int, count: int, others: dict[str, int], sums: tuple[str, ...], first: str, last: str
) -> None:
    rows, found = split(list(BinanceCapture().rows(capture(name))))
    ticks = [row.tick for row in rows]
    assert (len(ticks), dict(found)) == (count, others)
    assert rows[-1].line <= lines
    columns = ("bid_price", "ask_price", "bid_volume", "ask_volume")
    assert tuple(sum(getattr(t, name) for t in ticks) for name in columns) == tuple(map(Decimal, sums))
    assert {t.symbol for t in ticks} == {symbol}
    received = [t.received_time for t in ticks]
    assert (received[0], received[-1]) == (datetime.fromisoformat(first), datetime.fromisoformat(last))
    assert received == sorted(received)
    assert all(t.bid_price < t.ask_price for t in ticks if t.bid_price and t.ask_price)


def test_the_futures_capture_keeps_both_clocks_and_the_spot_one_has_no_event_time() -> None:
    futures, _ = split(list(BinanceCapture().rows(capture(FUTURES))))
    spot, _ = split(list(BinanceCapture().rows(capture(SPOT))))
    assert all(row.tick.received_time < row.tick.event_time for row in futures)
    assert not any(row.event_time_is_received for row in futures)
    assert all(row.event_time_is_received and row.tick.event_time == row.tick.received_time for row in spot)


BOOKS = {  # quotes, and how many of them are two-sided, one-sided, empty
    "NDEX.IMPACT": dict.fromkeys(("mbp-1", "mbp-10", "tbbo", "bbo-1s", "bbo-1m"), (4, 4, 0, 0)),
    "IFEU.IMPACT": {
        "mbp-1": (4, 0, 0, 4), "mbp-10": (4, 0, 0, 4), "tbbo": (4, 0, 0, 4), "bbo-1s": (4, 4, 0, 0),
        "bbo-1m": (4, 4, 0, 0),
    },
    "XNAS.ITCH": {"mbp-1": (4, 2, 2, 0)},
    "EQUS.MINI": {"mbp-1": (4, 2, 1, 1), "bbo-1s": (4, 0, 3, 1)},
    "OPRA.PILLAR": {"mbp-1": (4, 0, 0, 4)},
}  # fmt: skip
SYMBOLS = {
    "NDEX.IMPACT": "TFM FMH0024!", "IFEU.IMPACT": "BRN FMJ0024!", "XNAS.ITCH": "NVDA", "EQUS.MINI": "QQQ",
    "OPRA.PILLAR": "AAPL  250221C00250000",
}  # fmt: skip


@pytest.mark.parametrize(("venue", "schema"), [(venue, schema) for venue, found in BOOKS.items() for schema in found])
def test_a_databento_file_of_quotes_is_read_whole_with_its_odd_books(venue: str, schema: str) -> None:
    rows, _ = split(list(DatabentoFile().rows(capture(f"{venue}/test_data.{schema}.dbn.zst"))))
    sides = [(row.tick.bid_price is not None) + (row.tick.ask_price is not None) for row in rows]
    assert (len(rows), sides.count(2), sides.count(1), sides.count(0)) == BOOKS[venue][schema]
    assert {row.tick.symbol for row in rows} == {SYMBOLS[venue]}
    assert all(row.tick.event_time.year < 2030 for row in rows)
    assert all((row.tick.bid_price is None) == (row.tick.bid_volume is None) for row in rows)
    assert all(row.event_time_is_received == schema.startswith("bbo") for row in rows)


def test_every_databento_file_is_either_read_or_refused_by_the_name_of_its_schema() -> None:
    read, refused = 0, 0
    for path in sorted(Path(CAPTURES or "").rglob("*.dbn.zst")):
        schema = path.name.split(".")[1]
        if schema in QUOTES:
            read += len(split(list(DatabentoFile().rows(path)))[0])
            continue
        refused += 1
        with pytest.raises(Refused, match=schema):
            list(DatabentoFile().rows(path))
    assert (read, refused) == (56, 16)


def test_prices_and_times_of_the_gas_future_are_exact() -> None:
    rows, _ = split(list(DatabentoFile().rows(capture("NDEX.IMPACT/test_data.mbp-1.dbn.zst"))))
    first = rows[0]
    assert (first.tick.bid_price, first.tick.ask_price) == (Decimal("27.52"), Decimal("28.07"))
    assert first.tick.event_time == datetime.fromisoformat("2024-01-18T07:00:00.032341Z")
    assert first.floored
    assert [row.tick.sequence_id for row in rows] == [164_893, 165_165, 165_178, 165_246]
