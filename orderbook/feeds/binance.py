"""Captures of Binance's websocket: ``<receive time, Unix ns> <message>`` a line, as hftbacktest and others record them.

Quotes are ``bookTicker`` messages (https://developers.binance.com, "Individual Symbol Book Ticker Streams"). Depth,
trades and snapshots between them are told as such. Futures have an event time ``E`` in ms, spot has none. ``u`` rises
by any step. A side that nobody is on comes as a price and a size of zero.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orderbook.feeds.files import lines
from orderbook.feeds.rows import BadLine, Item, Other, Side, exact, quote
from orderbook.tick import decode


class BinanceCapture:
    """The format ``binance``."""

    def rows(self, path: Path) -> Iterator[Item]:
        """Yield one item a line."""
        for number, line in lines(path):
            if isinstance(line, str):
                yield BadLine(number, line)
            elif line:
                yield _item(number, line)


def _item(number: int, line: bytes) -> Item:
    stamp, _, text = line.partition(b" ")
    if not (stamp.isdigit() and len(stamp) <= 19):
        return BadLine(number, "no receive time in nanoseconds before the message")
    try:
        return _message(number, int(stamp), decode(text))
    except KeyError as error:
        return BadLine(number, f"a bookTicker without {error}")
    except (ValueError, RecursionError) as error:
        return BadLine(number, str(error))


def _message(number: int, received_ns: int, message: Any) -> Item:
    if not isinstance(message, dict):
        return BadLine(number, "not an object")
    content = message.get("data", message)
    kind = _kind(message, content)
    if kind != "bookTicker":
        return Other(number, kind)
    return _quote(number, received_ns, content)


def _kind(message: dict[str, Any], content: Any) -> str:
    if "stream" in message:
        parts = str(message["stream"]).split("@")
        return parts[1] if len(parts) > 1 else parts[0]
    if "lastUpdateId" in message:
        return "snapshot"
    if not isinstance(content, dict):
        return "unknown"
    if "e" in content:
        return str(content["e"])
    return "bookTicker" if {"u", "s", "b", "a"} <= content.keys() else "unknown"


def _quote(number: int, received_ns: int, content: dict[str, Any]) -> Item:
    event_ns = int(content["E"]) * 1_000_000 if "E" in content else None
    bid, ask = _side(content["b"], content["B"]), _side(content["a"], content["A"])
    return quote(
        number,
        str(content["s"]),
        event_ns=event_ns,
        received_ns=received_ns,
        bid=bid,
        ask=ask,
        sequence_id=int(content["u"]),
    )


def _side(price: Any, size: Any) -> Side:
    side = exact(price), exact(size)
    return side if any(side) else None
