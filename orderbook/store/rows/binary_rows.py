"""Rows of Postgres' binary COPY as Arrow columns, all rows of a block at once.

A row is the number of its fields, then each field's length and its bytes, all big-endian: "File Formats, Binary Format"
in PostgreSQL's documentation of COPY. Where each row begins is known: libpq hands out one at a time. What lies at a
known distance from there is taken out of all rows in one go, and the numbers in it are read side by side.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orderbook.tick import DECIMAL_PLACES, MAX_DIGITS

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_HEADER: Final = len(_SIGNATURE) + 8  # with flags, and the length of an extension that nobody has
_TRAILER: Final = b"\xff\xff"
_NULL: Final = -1
_EPOCH_2000: Final = 946_684_800_000_000  # Postgres' instants count microseconds from there
_WIDTHS: Final[Mapping[int, int]] = {pa.int16().id: 2, pa.int32().id: 4, pa.int64().id: 8, pa.timestamp("us").id: 8}
_TEXT: Final = pa.string().id
_INSTANT: Final = pa.timestamp("us").id

_NEGATIVE: Final = 0x4000  # the sign of a numeric
_LEAST_POWER, _GREATEST_POWER = -3, 2  # of 10,000, in a numeric of nine digits before the point and nine behind it
_MOST_COUNT: Final = _GREATEST_POWER - _LEAST_POWER + 1
_UNITS: Final = np.array([10 ** (4 * power + DECIMAL_PLACES) for power in range(-2, 3)], np.int64)
_LAST_DIGITS: Final = 10 ** (-4 * _LEAST_POWER - DECIMAL_PLACES)  # what the digits of the least power count in
_MOST_FIRST: Final = 10 ** (MAX_DIGITS - DECIMAL_PLACES) // 10_000**_GREATEST_POWER  # digits of the greatest one
_LENGTH: Final = np.dtype(">i4")
_NUMERIC: Final = np.dtype((np.int16, 6 + _MOST_COUNT))  # length (two), count, weight, sign, places; the digits


class _Block:
    """Some rows, and the place in each up to which they have been read."""

    def __init__(self, rows: Sequence[bytes], fields: int) -> None:
        beyond = 12 * fields + _NUMERIC.itemsize  # a row's last fields may be read as wider than they are
        self._text = b"".join([*rows, bytes(beyond)])
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        self.ends = np.cumsum(lengths)
        self.at = self.ends - lengths
        if (self.taken(np.dtype(">i2")) != fields).any():
            raise ValueError("Postgres sent rows of another number of columns")
        self.at = self.at + 2

    def taken(self, kind: np.dtype[Any]) -> npt.NDArray[Any]:
        """What comes next in each row; the place stays."""
        windows = np.ndarray((len(self._text) - kind.itemsize + 1,), f"V{kind.itemsize}", self._text, strides=(1,))
        taken: npt.NDArray[Any] = windows[self.at].view(kind)
        return taken

    def characters(self, begins: Integers, lengths: Integers) -> npt.NDArray[np.uint8]:
        """All of them, one field behind the other."""
        before = np.cumsum(lengths) - lengths
        places = np.repeat(begins - before, lengths) + np.arange(int(lengths.sum()))
        return np.frombuffer(self._text, np.uint8)[places]


def _whole(block: _Block, kinds: Sequence[pa.DataType]) -> list[Any]:
    """Fields of known widths that stand side by side; one by one only where one of them is null somewhere."""
    parts = [(f"{part}{at}", f">{sign}{width}")
             for at, kind in enumerate(kinds)
             for part, sign, width in (("length", "i", 4), ("value", "i", _WIDTHS[kind.id]))]  # fmt: skip
    rows = block.taken(np.dtype(parts))
    lengths = [rows[f"length{at}"] for at in range(len(kinds))]
    missing = [length != _WIDTHS[kind.id] for length, kind in zip(lengths, kinds, strict=True)]
    if len(kinds) > 1 and any(one.any() for one in missing):
        return [column for kind in kinds for column in _whole(block, [kind])]
    if (missing[-1] & (lengths[-1] != _NULL)).any():
        raise ValueError(f"Postgres sent a number that has not {_WIDTHS[kinds[-1].id]} bytes")
    block.at = block.at + rows.dtype.itemsize - np.where(missing[-1], _WIDTHS[kinds[-1].id], 0)
    return [_column(kind, _native(rows[f"value{at}"], kind), missing[at]) for at, kind in enumerate(kinds)]


def _native(values: npt.NDArray[Any], kind: pa.DataType) -> npt.NDArray[Any]:
    native = values.astype(values.dtype.newbyteorder("="))
    return native + _EPOCH_2000 if kind.id == _INSTANT else native


def _text(block: _Block, kind: pa.DataType) -> Any:
    lengths = block.taken(_LENGTH).astype(np.int64)
    absent = lengths == _NULL
    lengths = np.maximum(lengths, 0)
    begins = block.at + _LENGTH.itemsize
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    buffers = [_validity(absent), pa.py_buffer(ends), pa.py_buffer(block.characters(begins, lengths))]
    block.at = begins + lengths
    return pa.Array.from_buffers(kind, len(lengths), buffers)


def _decimal(block: _Block, kind: pa.DataType) -> Any:
    """A sign, and digits to the base 10,000: the first counts in the power of ``weight``, each next in one less."""
    numbers = np.ascontiguousarray(block.taken(_NUMERIC).T).byteswap(inplace=True)
    absent = numbers[0] == _NULL
    if absent.any():
        numbers = np.where(absent, np.int16(0), numbers)
    long, length, count, weight, sign, places = numbers[:6]
    fits = (long == 0) & ((sign == 0) | (sign == _NEGATIVE))  # others are NaN and infinite
    fits &= (places <= DECIMAL_PLACES) & (count <= _MOST_COUNT) & ((count == 0) | (weight <= _GREATEST_POWER))
    units = np.zeros(len(length), np.int64)
    for turn in range(min(int(count.max(initial=0)), _MOST_COUNT)):
        power = weight - np.int16(turn)
        digits = np.where(turn < count, numbers[6 + turn], np.int16(0))
        fits &= (power < _GREATEST_POWER) | (digits < _MOST_FIRST)
        counted = digits * _UNITS.take(power + 2, mode="clip")
        small = power <= _LEAST_POWER
        units += np.where(small, digits // _LAST_DIGITS, counted) if small.any() else counted
    if not fits.all():
        raise ValueError("Postgres sent a number that is none of nine digits and nine decimals")
    block.at = block.at + _LENGTH.itemsize + length
    units = np.where(sign == _NEGATIVE, -units, units)
    return _column(kind, np.stack([units, units >> 63], axis=-1), absent)  # of 128 bits, the low half first


def read(messages: Sequence[bytes], schema: pa.Schema) -> pa.RecordBatch:
    """The rows of a COPY's messages, one each, the first and the last of which may be more and less than that.

    ``schema`` has texts, integers as wide as Postgres', instants in microseconds, and decimals of nine places. Raises
    ``ValueError`` where the rows are not of these columns.
    """
    rows = list(messages)
    if rows and rows[0].startswith(_SIGNATURE):
        rows[:1] = filter(None, [rows[0][_HEADER:]])
    if rows and rows[-1] == _TRAILER:
        rows.pop()
    block = _Block(rows, len(schema))
    columns: list[Any] = []
    for is_whole, kinds in groupby(schema.types, lambda kind: kind.id in _WIDTHS):
        if is_whole:
            columns += _whole(block, list(kinds))
        else:
            columns += [(_text if kind.id == _TEXT else _decimal)(block, kind) for kind in kinds]
    if (block.at != block.ends).any():
        raise ValueError("Postgres sent rows that are longer than their columns")
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(kind: pa.DataType, values: npt.NDArray[Any], absent: Mask) -> Any:
    return pa.Array.from_buffers(kind, len(values), [_validity(absent), pa.py_buffer(values)])


def _validity(absent: Mask) -> Any:
    return pa.py_buffer(np.packbits(~absent, bitorder="little")) if absent.any() else None
