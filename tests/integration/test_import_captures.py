"""The real captures into a real store, which then says what was measured on the files."""

import gzip
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from orderbook.feeds.databento import DatabentoFile
from orderbook.feeds.rows import Row
from orderbook.tick import FIELDS
from tests.commands import ok
from tests.pipeline import Pipeline
from tests.unit.feeds.captures import CAPTURES, FUTURES, SPOT, capture, needs_captures

pytestmark = needs_captures


def test_every_quote_of_the_captures_is_stored_and_the_store_agrees_with_what_was_measured(
    old_pipeline: Pipeline,
) -> None:
    ok("import", "binance", str(capture(FUTURES)), str(capture(SPOT)))
    dbn = [path for path in sorted(Path(CAPTURES or "").rglob("*.dbn.zst")) if _has_quotes(path)]
    ok("import", "databento", *map(str, dbn))
    old_pipeline.run()
    assert old_pipeline.one("SELECT count(*) FROM quarantine") == 0
    found = old_pipeline.rows("""
        SELECT symbol, count(*), min(received_time)::text, max(received_time)::text,
               count(*) FILTER (WHERE bid_price > ask_price), count(*) FILTER (WHERE bid_price = ask_price),
               count(*) FILTER (WHERE (bid_price IS NULL) <> (ask_price IS NULL)),
               count(*) FILTER (WHERE bid_price IS NULL AND ask_price IS NULL),
               min(bid_price), max(ask_price), sum(bid_price), sum(ask_price), sum(bid_volume), sum(ask_volume)
        FROM ticks GROUP BY 1 ORDER BY 1
    """)
    by_symbol = {row[0]: tuple(row[1:]) for row in found}
    assert by_symbol["BTCUSDT"] == (
        66_089, "2024-08-08 23:54:15.088169+00", "2024-08-08 23:59:59.43916+00", 0, 0, 0, 0,
        *map(Decimal, ("61590.3", "61839.9", "4078794124.5", "4078807625.3", "237659.035", "316829.09")),
    )  # fmt: skip
    assert by_symbol["ETHUSDT"] == (
        24_077, "2024-08-08 23:54:14.024619+00", "2024-08-08 23:59:59.900862+00", 0, 0, 0, 0,
        *map(Decimal, ("2679", "2685.37", "64586727.48", "64587230.47", "234005.0327", "247623.5352")),
    )  # fmt: skip
    counts = {symbol: (row[0], *row[3:7]) for symbol, row in by_symbol.items()}
    assert {symbol: counts[symbol] for symbol in counts if symbol not in {"BTCUSDT", "ETHUSDT"}} == {
        "TFM FMH0024!": (20, 0, 0, 0, 0),
        "BRN FMJ0024!": (20, 0, 0, 0, 12),
        "NVDA": (4, 0, 0, 2, 0),
        "QQQ": (8, 0, 0, 4, 2),
        "AAPL  250221C00250000": (4, 0, 0, 0, 4),
    }


def test_the_store_agrees_with_what_was_measured_of_clocks_steps_spreads_and_repeats(old_pipeline: Pipeline) -> None:
    ok("import", "binance", str(capture(FUTURES)), str(capture(SPOT)))
    old_pipeline.run()
    found = old_pipeline.rows("""
        SELECT symbol, count(*) FILTER (WHERE received_time < event_time),
               round(min(extract(epoch FROM event_time - received_time)), 3),
               round(max(extract(epoch FROM event_time - received_time)), 3),
               count(*) FILTER (WHERE received_time < received_before),
               count(*) FILTER (WHERE event_time < event_before), count(*) FILTER (WHERE event_time = event_before),
               count(*) FILTER (WHERE sequence_id = sequence_before + 1), max(sequence_id - sequence_before),
               count(*) FILTER (WHERE sequence_id <= sequence_before),
               min(ask_price - bid_price), max(ask_price - bid_price), least(min(bid_volume), min(ask_volume)),
               greatest(max(bid_volume), max(ask_volume))
        FROM (SELECT *, lag(received_time) OVER w AS received_before, lag(event_time) OVER w AS event_before,
                     lag(sequence_id) OVER w AS sequence_before
              FROM ticks WINDOW w AS (PARTITION BY symbol ORDER BY kafka_offset)) AS followed
        GROUP BY 1 ORDER BY 1
    """)
    with gzip.open(
        capture(SPOT)
    ) as lines:  # it has no event times, so receive times stand for them, to the microsecond
        received = [int(line.split()[0]) // 1000 for line in lines if b"bookTicker" in line]
    same = sum(one == other for one, other in pairwise(received))
    assert found == [
        ("BTCUSDT", 66_089, *map(Decimal, ("1.219", "1.273")), 0, 0, 32_203, 3_366, 490_856, 0,
         *map(Decimal, ("0.1", "24.3", "0.001", "472.849"))),
        ("ETHUSDT", 0, *map(Decimal, ("0", "0")), 0, 0, same, 8_437, 327, 0,
         *map(Decimal, ("0.01", "2.82", "0.0001", "64.8364"))),
    ]  # fmt: skip
    values = "symbol, event_time, bid_price, ask_price, bid_volume, ask_volume"
    repeated = f"SELECT count(*) - count(DISTINCT ({values})) FROM ticks WHERE symbol = 'BTCUSDT'"
    assert old_pipeline.one(repeated) == 352  # equal content is no duplicate
    assert old_pipeline.one("SELECT count(*) FROM sequence_event WHERE kind <> 'stall'") == 0


def test_each_databento_file_is_stored_row_by_row_as_it_is_read(old_pipeline: Pipeline) -> None:
    seen = 0
    for path in (path for path in sorted(Path(CAPTURES or "").rglob("*.dbn.zst")) if _has_quotes(path)):
        ok("import", "databento", str(path))
        old_pipeline.run()
        rows = old_pipeline.rows(f"SELECT {', '.join(FIELDS)} FROM ticks ORDER BY kafka_partition, kafka_offset")
        ticks = [item.tick for item in DatabentoFile().rows(path) if isinstance(item, Row)]
        assert rows == [tuple(getattr(t, name) for name in FIELDS) for t in ticks], path
        old_pipeline.execute("DELETE FROM ticks")
        seen += len(rows)
    assert (seen, old_pipeline.one("SELECT count(*) FROM quarantine")) == (56, 0)


def _has_quotes(path: Path) -> bool:
    return path.name.split(".")[1] in {"mbp-1", "mbp-10", "tbbo", "bbo-1s", "bbo-1m"}
