"""What the client sends."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import httpx2

Instant = datetime | date | str | int  # aware; UTC midnight; ISO-8601; nanoseconds since 1970
Symbols = str | Sequence[str] | None  # one, several, or all
Progress = Callable[[int], None]  # bytes so far
Parameters = list[tuple[str, str | int | float | bool | None]]

TIMEOUT: Final = httpx2.Timeout(10, read=120)
STREAM_TIMEOUT: Final = httpx2.Timeout(10)  # a heartbeat comes each second


def parameters(symbols: Symbols = None, **others: Any) -> Parameters:
    """Query parameters; None is left out. Raises ``ValueError`` for a naive time."""
    found: Parameters = [("symbols", symbol) for symbol in ([symbols] if isinstance(symbols, str) else symbols or ())]
    for name, value in others.items():
        if value is not None:
            found += [(name, _text(one)) for one in (value if isinstance(value, list) else [value])]
    return found


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} is naive: say its time zone")
        return value.isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def stored(symbols: Symbols, start: Instant | None, end: Instant | None, others: Mapping[str, Any]) -> Parameters:
    """What is asked for stored rows, as Arrow."""
    return parameters(symbols, start=start, end=end, format="arrow", **others)


def headers(key: str | None) -> Mapping[str, str]:
    """Of every request."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}
