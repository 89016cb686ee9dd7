"""Bytes a row in a cold file, of real captures (``ORDERBOOK_CAPTURES``) and of the simulator's ticks.

ORDERBOOK_CAPTURES=FOLDER python -m tests.bench.file_sizes
"""

import gzip
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from orderbook.archive.parquet import SORT_ORDER, DayFile
from orderbook.simulator.market import Market
from orderbook.store.rows.copy_out import STORED
from orderbook.tick import FIELDS
from tests.bench.stage import SYMBOLS

SIMULATED = 240_000
RANGE = 20_000  # offsets that land in one instant


def main() -> None:
    """Print them."""
    for name, rows in sources():
        table = pa.Table.from_pylist(list(rows), STORED).sort_by([(key, "ascending") for key in SORT_ORDER])
        with tempfile.TemporaryDirectory() as folder:
            file = DayFile(Path(folder) / "day.parquet")
            file.write(table.to_batches())
            size = file.written(date(2026, 1, 5)).size_bytes
        sys.stdout.write(f"{name}: {table.num_rows:,} rows, {size / table.num_rows:.2f} bytes a row\n")


def sources() -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Each with its rows, placed and landed as the pipeline would."""
    captures = os.environ.get("ORDERBOOK_CAPTURES")
    for path in sorted(Path(captures).glob("hftbacktest/*/*.gz")) if captures else ():
        yield path.name, placed(quotes(path))
    market, at = Market(SYMBOLS, 1, {}), [datetime(2026, 1, 5, tzinfo=UTC)]

    def clock() -> datetime:
        at[0] += timedelta(microseconds=50_000 / len(SYMBOLS) + at[0].microsecond % 997)
        return at[0]

    ticks = (market.tick(clock) for _ in range(SIMULATED))
    yield "simulator", placed({name: getattr(tick, name) for name in FIELDS} for tick in ticks)


def quotes(path: Path) -> Iterator[dict[str, Any]]:
    """The best bid and ask of a capture, line by line."""
    with gzip.open(path) as lines:
        for line in lines:
            received, _, text = line.partition(b" ")
            message = json.loads(text)
            if "bookTicker" not in message.get("stream", ""):
                continue
            data, at = message["data"], instant(int(received) // 1000)
            yield {
                "symbol": data["s"],
                "event_time": instant(data["E"] * 1000) if "E" in data else at,
                "received_time": at,
                "bid_price": Decimal(data["b"]),
                "ask_price": Decimal(data["a"]),
                "bid_volume": Decimal(data["B"]),
                "ask_volume": Decimal(data["A"]),
                "sequence_id": data["u"],
            }


def placed(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """With the columns that the landing adds."""
    landed = None
    for offset, row in enumerate(rows):
        if offset % RANGE == 0:
            landed = row["received_time"]
        yield {**row, "landed_at": landed, "generation_id": 1, "kafka_partition": 0, "kafka_offset": offset}


def instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


if __name__ == "__main__":
    main()
