"""Rows of the tick stream, made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from orderbook.store.rows.tick_stream import SCHEMA

AT = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)


def row(**changes: Any) -> dict[str, Any]:
    """A sound tick."""
    values = {
        "symbol": "TTF-GAS",
        "event_time": AT,
        "received_time": AT,
        "bid_price": Decimal(27),
        "ask_price": Decimal(28),
        "bid_volume": Decimal(1),
        "ask_volume": Decimal(1),
        "sequence_id": 1,
        "generation_id": 1,
        "kafka_partition": 0,
        "kafka_offset": 0,
        "finite": True,
    }
    return values | changes


def batch_of(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """As ``stream_ticks`` yields them."""
    return pa.RecordBatch.from_pylist(list(rows), SCHEMA)
