"""How rows are written to standard output: an aligned table for people, JSON, NDJSON and CSV for programs.

Exact numbers stay exact: in JSON they are strings, and only the table drops their trailing zeros.
"""

import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import chain, islice
from typing import Any

WIDTHS_FROM_ROWS = 1_000  # a table of more is written as it comes, with the widths of its first rows


class Output(StrEnum):
    """The forms of a result."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


def write_records(kind: type, records: Iterable[Any], output: Output, *, as_json: bool = False) -> None:
    """Write dataclass instances, one per row."""
    columns = [field.name for field in fields(kind)]
    rows = ([getattr(record, name) for name in columns] for record in records)
    write_rows(columns, rows, Output.JSON if as_json else output)


def write_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], output: Output) -> None:
    """Write rows as they come; a table looks at the first thousand for its widths."""
    match output:
        case Output.TABLE:
            if columns:
                sys.stdout.writelines(f"{line}\n" for line in table_lines(columns, rows))
        case Output.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_text(value) for value in row] for row in rows)
        case Output.NDJSON:
            for row in rows:
                sys.stdout.write(_object(columns, row) + "\n")
        case Output.JSON:
            _write_array(columns, rows)


def write_json(value: Any) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n")


def write_fields(values: Mapping[str, Any]) -> None:
    """Write one thing, a field a line."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        sys.stdout.write(f"{name:<{width}}  {cell(value)}".rstrip() + "\n")


def cell(value: Any) -> str:
    """A value as a table shows it: on one line, whatever it holds."""
    if isinstance(value, Decimal) and value.is_finite():
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    text = _text(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def plain(value: Any) -> Any:
    """A value as JSON has it. Exact numbers and what JSON cannot say become strings."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes | memoryview):
        return rf"\x{bytes(value).hex()}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool | list | dict):
        return json.dumps(plain(value), ensure_ascii=False)
    return "" if value is None else str(value)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _object(columns: Sequence[str], row: Sequence[Any]) -> str:
    return json.dumps(dict(zip(columns, map(plain, row), strict=True)), ensure_ascii=False)


def _write_array(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    before = "["
    for row in rows:
        sys.stdout.write(f"{before}\n  {_object(columns, row)}")
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def table_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the lines of an aligned table as its rows come."""
    coming: Iterator[Sequence[Any]] = iter(rows)
    first = list(islice(coming, WIDTHS_FROM_ROWS))
    cells = [[cell(value) for value in row] for row in first]
    heads = [cell(name) for name in columns]
    widths = [max(len(line[at]) for line in [heads, *cells]) for at in range(len(heads))]
    numeric = [_is_numeric([row[at] for row in first]) for at in range(len(heads))]
    rest = ([cell(value) for value in row] for row in coming)
    for line in chain([heads, ["-" * width for width in widths]], cells, rest):
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        yield "  ".join(padded).rstrip()


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in known)
