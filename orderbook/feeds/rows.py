"""What a feed gives: quotes with both their clocks, and lines that are none. Nothing here is dropped in silence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from orderbook.tick import OrderBookTick, from_microseconds

Side = tuple[Decimal, Decimal] | None  # price and volume; None: there is nobody on this side


@dataclass(frozen=True, slots=True)
class Row:
    """A quote. ``line`` is where it stands: a line of text counted from 1, of binary formats the record.

    ``event_time_is_received``: the source gave no event time, so the receive time stands in for it.
    ``floored``: the source's times are finer than microseconds, and lost digits.
    """

    line: int
    tick: OrderBookTick
    event_time_is_received: bool = False
    floored: bool = False


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that should be a quote and is not."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Other:
    """A line of another kind, such as a trade between quotes."""

    line: int
    kind: str


Item = Row | BadLine | Other


class Format(Protocol):
    """A kind of file. ``rows`` yields one item a line, in the file's order, the same ones whenever it is read.

    Raises ``Refused`` where the file as a whole is not what it should be, ``OSError`` where it cannot be read.
    """

    def rows(self, path: Path) -> Iterator[Item]:
        """Yield what stands in the file."""
        ...


def quote(
    line: int, symbol: str, *, event_ns: int | None, received_ns: int, bid: Side, ask: Side, sequence_id: int
) -> Item:
    """A row from integers and decimals, times in nanoseconds since 1970; a ``BadLine`` where no tick can hold it."""
    received = at_nanoseconds(received_ns)
    event = received if event_ns is None else at_nanoseconds(event_ns)
    if received is None or event is None:
        return BadLine(line, "time: beyond the year 9999")
    values = {
        "symbol": symbol,
        "event_time": event,
        "received_time": received,
        "bid_price": bid and plain(bid[0]),
        "bid_volume": bid and plain(bid[1]),
        "ask_price": ask and plain(ask[0]),
        "ask_volume": ask and plain(ask[1]),
        "sequence_id": sequence_id,
    }
    floored = bool(received_ns % 1000 or (event_ns or 0) % 1000)
    return checked(line, values, event_time_is_received=event_ns is None, floored=floored)


def checked(line: int, values: Mapping[str, Any], *, event_time_is_received: bool, floored: bool) -> Item:
    """A row of these values, or a ``BadLine`` that names the first field that is wrong."""
    try:
        tick = OrderBookTick.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "line"
        return BadLine(line, f"{where}: {problem['msg']}")
    return Row(line, tick, event_time_is_received, floored)


def at_nanoseconds(at: int) -> datetime | None:
    """An instant, floored to microseconds; None where no clock shows it."""
    try:
        return from_microseconds(at // 1000)
    except OverflowError:
        return None


def plain(number: Decimal) -> Decimal:
    """The same value without the zeros behind it: a feed that writes 2683.80000000 means 2683.8."""
    short = number.normalize()
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1)) if isinstance(exponent, int) and 0 < exponent < 20 else short


def exact(text: object) -> Decimal:
    """A decimal as it was written. Raises ``ValueError``."""
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        raise ValueError(f"{str(text)[:40]!r} is no number") from None
    if not found.is_finite():
        raise ValueError(f"{str(text)[:40]!r} is no number")
    return found
