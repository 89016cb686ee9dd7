"""What requests may ask: instants, symbols and limits, each parsed once and described once."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

from orderbook.profiles import FIRST_TIME, LAST_TIME
from orderbook.tick import is_symbol

MOST_SYMBOLS: Final = 1_000
_NANOSECONDS = re.compile(r"-?\d{1,19}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def parse_instant(text: Any) -> Any:
    """An ISO-8601 time or date (UTC unless it says otherwise), or nanoseconds since 1970. Raises ``ValueError``."""
    if not isinstance(text, str):
        return text
    try:
        found = _read(text)
    except (ValueError, OverflowError):
        raise ValueError("expected 2026-01-05T08:30:00Z, 2026-01-05, or nanoseconds since 1970") from None
    if not FIRST_TIME <= found < LAST_TIME:
        raise ValueError(f"expected a time from {FIRST_TIME:%Y} to {LAST_TIME.year - 1}")
    return found


def _read(text: str) -> datetime:
    if _NANOSECONDS.fullmatch(text):
        seconds, rest = divmod(int(text), 10**9)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    if not (_DAY.fullmatch(text) or _TIME.fullmatch(text)):
        raise ValueError(text)
    found = datetime.fromisoformat(text.replace(" ", "T"))
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)


def parse_symbols(found: Any) -> Any:
    """Symbols, separated by commas or given again and again; None: all. Raises ``ValueError``."""
    if not isinstance(found, list):
        return found
    symbols = list(dict.fromkeys(part for text in found for part in str(text).split(",") if part))
    if len(symbols) > MOST_SYMBOLS:
        raise ValueError(f"{len(symbols)} symbols, the most is {MOST_SYMBOLS}")
    if wrong := [symbol for symbol in symbols if not is_symbol(symbol)]:
        raise ValueError(f"{wrong[0][:80]!r} is no symbol: 1 to 64 printable ASCII characters")
    return symbols or None


_time_schema = WithJsonSchema(
    {"type": "string", "examples": ["2026-01-05T08:30:00Z", "2026-01-05", "1767601800000000000"]}
)
_symbol_pattern = "^[!-~]([ -~]{0,62}[!-~])?(,[!-~]([ -~]{0,62}[!-~])?)*$"
Instant = Annotated[datetime, BeforeValidator(parse_instant), _time_schema]
Start = Annotated[Instant | None, Query(description="not before this instant (included)")]
End = Annotated[Instant | None, Query(description="before this instant (not included)")]
Symbols = Annotated[
    list[Annotated[str, WithJsonSchema({"type": "string", "pattern": _symbol_pattern})]] | None,
    BeforeValidator(parse_symbols),
    Query(description="comma-separated, or given again and again; default: all"),
]
MinCoverage = Annotated[
    float | None, Query(ge=0, le=1, description="less coverage of a symbol than this is answered with 409")
]
