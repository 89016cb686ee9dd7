"""Ticks as they stand on the wire, field by field, for tests that spoil one of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from hypothesis import strategies as st

from orderbook.stream.records import Record

ABSENT: Final = ""  # a field with this text is left out
BROKER_TIME: Final = datetime(2026, 1, 5, 8, 30, 0, tzinfo=UTC)
BROKER_MS: Final = 1_767_601_800_000

VALID: Final[Mapping[str, str]] = {
    "symbol": '"NBP-GAS"',
    "event_time": '"2026-01-05T08:30:00.123456Z"',
    "received_time": '"2026-01-05T08:30:00.123500Z"',
    "bid_price": "27.530",
    "ask_price": "27.545",
    "bid_volume": "120",
    "ask_volume": "85.5",
    "sequence_id": "7",
}


def written(changes: Mapping[str, str] | None = None, **fields: str) -> bytes:
    """A valid tick's JSON, some fields replaced by other JSON text."""
    texts = {**VALID, **(changes or {}), **fields}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in texts.items() if text != ABSENT) + "}").encode()


def record(
    value: bytes | None, offset: int = 0, *, timestamp_ms: int = BROKER_MS, version: bytes | None = None
) -> Record:
    """A record of the log that holds ``value``."""
    return Record(offset, timestamp_ms, b"key", value, version)


def exact_numbers(low: str = "-999999999.999999999", high: str = "999999999.999999999") -> st.SearchStrategy:
    """Decimals as they fit a tick: 18 digits, nine of them after the point."""
    return st.decimals(low, high, allow_nan=False, allow_infinity=False, places=9)
