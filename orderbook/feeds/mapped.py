"""CSV and NDJSON of any shape, by a mapping from our fields to their columns."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from orderbook.errors import ConfigError, Refused
from orderbook.feeds.files import lines
from orderbook.feeds.rows import BadLine, Item, Side, checked, exact, plain, quote
from orderbook.tick import FIELDS, decode, finer_than_microseconds

Unit = Literal["iso", "s", "ms", "us", "ns"]
UNITS: Final[dict[str, int]] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
OPTIONAL: Final = ("event_time", "sequence_id")


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Where each field of a tick comes from.

    ``columns``: field to column, in NDJSON a path such as ``book.bid.0``; ``constants``: field to text, of all lines.
    A field that neither names is the column of its own name. Without an event time the receive time stands in; without
    sequence ids the numbers of the lines do. ``times``: how times are written.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str]
    times: Unit = "iso"

    def __post_init__(self) -> None:
        for name in (*self.columns, *self.constants):
            if name not in FIELDS:
                raise ConfigError(f"a tick has no field {name!r}: choose from {', '.join(FIELDS)}")
        for name in self.columns.keys() & self.constants.keys():
            raise ConfigError(f"{name!r} comes from a column and is set too")

    def item(self, line: int, found: Mapping[str, Any]) -> Item:
        """The row of one line, whose values are text or JSON."""
        values = {name: self._value(name, found) for name in FIELDS}
        if values["sequence_id"] is None:
            values["sequence_id"] = str(line)
        try:
            return self._by_text(line, values) if self.times == "iso" else self._by_number(line, values)
        except ValueError as error:
            return BadLine(line, str(error))

    def _value(self, name: str, found: Mapping[str, Any]) -> Any:
        if name in self.constants:
            return self.constants[name]
        value: Any = found
        for step in self.columns.get(name, name).split("."):
            value = _inside(value, step)
        return None if value == "" else value

    def _by_number(self, line: int, values: Mapping[str, Any]) -> Item:
        received, event = (self._nanoseconds(name, values[name]) for name in ("received_time", "event_time"))
        if received is None:
            return BadLine(line, "received_time: missing")
        sides = [_side(values[f"{side}_price"], values[f"{side}_volume"]) for side in ("bid", "ask")]
        sequence = _whole("sequence_id", values["sequence_id"])
        return quote(
            line,
            str(values["symbol"]),
            event_ns=event,
            received_ns=received,
            bid=sides[0],
            ask=sides[1],
            sequence_id=sequence,
        )

    def _by_text(self, line: int, values: Mapping[str, Any]) -> Item:
        sides = {side: _side(values[f"{side}_price"], values[f"{side}_volume"]) for side in ("bid", "ask")}
        received, event = values["received_time"], values["event_time"]
        if received is None:
            return BadLine(line, "received_time: missing")
        made: dict[str, Any] = {
            "symbol": values["symbol"],
            "received_time": str(received),
            "event_time": str(received if event is None else event),
            "sequence_id": _whole("sequence_id", values["sequence_id"]),
        }
        for side, there in sides.items():
            made |= {f"{side}_price": there and plain(there[0]), f"{side}_volume": there and plain(there[1])}
        floored = any(finer_than_microseconds(made[name]) for name in ("received_time", "event_time"))
        return checked(line, made, event_time_is_received=event is None, floored=floored)

    def _nanoseconds(self, name: str, value: Any) -> int | None:
        if value is None:
            return None
        try:
            return int(exact(value) * UNITS[self.times])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


class CsvFile:
    """The format ``csv``: a line of column names, then one quote a line."""

    def __init__(self, mapping: FieldMapping, delimiter: str = ",") -> None:
        self._mapping = mapping
        self._delimiter = delimiter

    def rows(self, path: Path) -> Iterator[Item]:
        """Yield one item a line. Raises ``Refused`` where a mapped column is not there."""
        numbered = lines(path)
        number, head = next(numbered, (1, b""))
        names = self._split(head) if isinstance(head, bytes) else []
        self._insist(path, names)
        for number, line in numbered:
            if isinstance(line, str):
                yield BadLine(number, line)
            elif line:
                yield self._item(number, line, names)

    def _item(self, number: int, line: bytes, names: list[str]) -> Item:
        try:
            cells = self._split(line)
        except (UnicodeDecodeError, csv.Error) as error:
            return BadLine(number, str(error))
        if len(cells) != len(names):
            return BadLine(number, f"{len(cells)} cells where {len(names)} columns are named")
        return self._mapping.item(number, dict(zip(names, cells, strict=True)))

    def _split(self, line: bytes) -> list[str]:
        text = line.decode("utf-8-sig")
        return [cell.strip() for cell in next(csv.reader([text], delimiter=self._delimiter, strict=True), [])]

    def _insist(self, path: Path, names: list[str]) -> None:
        wanted = [self._mapping.columns.get(f, f) for f in FIELDS if f not in self._mapping.constants]
        missing = [name for name in wanted if name not in names and name not in OPTIONAL]
        if missing:
            there = ", ".join(names) or "none"
            raise Refused(f"{path} has no column {missing[0]!r} (there are: {there}): map it, as --map symbol=COLUMN")


class NdjsonFile:
    """The format ``ndjson``: one JSON object a line."""

    def __init__(self, mapping: FieldMapping) -> None:
        self._mapping = mapping

    def rows(self, path: Path) -> Iterator[Item]:
        """Yield one item a line."""
        for number, line in lines(path):
            if isinstance(line, str):
                yield BadLine(number, line)
            elif line:
                yield self.item(number, line)

    def item(self, number: int, line: bytes) -> Item:
        """What one line says."""
        try:
            found = decode(line)
        except (ValueError, RecursionError) as error:
            return BadLine(number, f"no JSON: {error}")
        if not isinstance(found, dict):
            return BadLine(number, "not an object")
        return self._mapping.item(number, found)


def _inside(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None


def _side(price: Any, volume: Any) -> Side:
    if price is None and volume is None:
        return None
    if price is None or volume is None:
        absent = Decimal(0) if volume is None else exact(volume)
        if price is None and not absent:
            return None  # a size of zero without a price: nobody is there
        raise ValueError("a side has both a price and a volume, or neither")
    return exact(price), exact(volume)


def _whole(name: str, value: Any) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ValueError(f"{name}: {text[:40]!r} is no whole number")
    return int(text)
