"""Rows of Postgres' binary COPY as Arrow columns, all rows of a block at once.

A row is the number of its fields, then each field's length and its bytes, all big-endian: "File Formats, Binary Format"
in PostgreSQL's documentation of COPY. Where each row begins is known: libpq hands out one at a time.
"""

from collections.abc import Callable, Mapping, Sequence
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
_PAD: Final = bytes(16)  # a field may be read as wider than it is
_NULL: Final = -1
_EPOCH_2000: Final = 946_684_800_000_000  # Postgres' instants count microseconds from there
_NEGATIVE: Final = 0x4000  # the sign of a numeric
_LEAST_POWER, _GREATEST_POWER = -3, 2  # of 10,000, in a numeric of nine digits before the point and nine behind it
_UNITS: Final = np.array([10 ** (4 * power + DECIMAL_PLACES) for power in range(-2, 3)], np.int64)
_LAST_DIGITS: Final = 10 ** (-4 * _LEAST_POWER - DECIMAL_PLACES)  # what the digits of the least power count in
_MOST_FIRST: Final = 10 ** (MAX_DIGITS - DECIMAL_PLACES) // 10_000**_GREATEST_POWER  # digits of the greatest one


class _Block:
    """Some rows, and the place in each up to which they have been read."""

    def __init__(self, rows: Sequence[bytes], fields: int) -> None:
        self._text = b"".join([*rows, _PAD])
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        self.ends = np.cumsum(lengths)
        self.at = self.ends - lengths
        if (self.numbers(self.at, ">i2") != fields).any():
            raise ValueError("Postgres sent rows of another number of columns")
        self.at = self.at + 2

    def numbers(self, places: Integers, kind: str) -> Integers:
        """The number that begins at each place."""
        width = np.dtype(kind).itemsize
        windows = np.ndarray((len(self._text) - width + 1,), f"V{width}", self._text, strides=(1,))
        return windows[places].view(kind).astype(np.int64)

    def field(self) -> tuple[Integers, Integers]:
        """Where each row's next field begins, and its length; the one after it is the next then."""
        lengths = self.numbers(self.at, ">i4")
        begins = self.at + 4
        self.at = begins + np.maximum(lengths, 0)
        return begins, lengths

    def characters(self, begins: Integers, lengths: Integers) -> npt.NDArray[np.uint8]:
        """All of them, one field behind the other."""
        before = np.cumsum(lengths) - lengths
        places = np.repeat(begins - before, lengths) + np.arange(int(lengths.sum()))
        return np.frombuffer(self._text, np.uint8)[places]


_Reader = Callable[[_Block, pa.DataType], Any]


def _whole(width: int, offset: int = 0) -> _Reader:
    def read(block: _Block, kind: pa.DataType) -> Any:
        begins, lengths = block.field()
        absent = _absent(lengths, width)
        values = block.numbers(begins, f">i{width}") + offset
        return _column(kind, values.astype(f"<i{kind.bit_width // 8}"), absent)

    return read


def _text(block: _Block, kind: pa.DataType) -> Any:
    begins, lengths = block.field()
    absent = lengths == _NULL
    lengths = np.maximum(lengths, 0)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    data = block.characters(begins, lengths)
    buffers = [_validity(absent), pa.py_buffer(ends), pa.py_buffer(data)]
    return pa.Array.from_buffers(kind, len(lengths), buffers)


def _decimal(block: _Block, kind: pa.DataType) -> Any:
    """A sign, and digits to the base 10,000: the first counts in the power of ``weight``, each next in one less."""
    begins, lengths = block.field()
    absent = lengths == _NULL
    begins = np.where(absent, 0, begins)
    count, weight, sign, places = (np.where(absent, 0, block.numbers(begins + 2 * n, ">i2")) for n in range(4))
    fits = (sign == 0) | (sign == _NEGATIVE)  # others are NaN and infinite
    fits &= (places <= DECIMAL_PLACES) & ((count == 0) | (weight <= _GREATEST_POWER))
    units = np.zeros(len(begins), np.int64)
    for turn in range(int(count.max(initial=0))):
        power = weight - turn
        digits = np.where(turn < count, block.numbers(begins + 8 + 2 * turn, ">i2"), 0)
        fits &= (power < _GREATEST_POWER) | (digits < _MOST_FIRST)
        small = power <= _LEAST_POWER
        units += np.where(small, digits // _LAST_DIGITS, digits * _UNITS.take(power + 2, mode="clip"))
    if not fits.all():
        raise ValueError("Postgres sent a number that is none of nine digits and nine decimals")
    units = np.where(sign == _NEGATIVE, -units, units)
    return _column(kind, np.stack([units, units >> 63], axis=-1), absent)  # of 128 bits, the low half first


_READERS: Final[Mapping[int, _Reader]] = {
    pa.int16().id: _whole(2),
    pa.int32().id: _whole(4),
    pa.int64().id: _whole(8),
    pa.timestamp("us").id: _whole(8, _EPOCH_2000),
    pa.string().id: _text,
    pa.decimal128(1).id: _decimal,
}


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
    columns = [_READERS[kind.id](block, kind) for kind in schema.types]
    if (block.at != block.ends).any():
        raise ValueError("Postgres sent rows that are longer than their columns")
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _absent(lengths: Integers, width: int) -> Mask:
    absent: Mask = lengths == _NULL
    if ((lengths != width) & ~absent).any():
        raise ValueError(f"Postgres sent a number that has not {width} bytes")
    return absent


def _column(kind: pa.DataType, values: npt.NDArray[Any], absent: Mask) -> Any:
    return pa.Array.from_buffers(kind, len(values), [_validity(absent), pa.py_buffer(values)])


def _validity(absent: Mask) -> Any:
    return pa.py_buffer(np.packbits(~absent, bitorder="little")) if absent.any() else None
