"""Ticks as columns: JSON lines parsed by Arrow, times and decimals as integers, all in bulk.

Arrow is stricter than most parsers (decimals from the digits themselves, no key twice, no NaN), but not strict enough:
each function says what it lets through that the judge would not.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from orderbook.store.landing import EXACT, INSTANT
from orderbook.tick import FIELDS, MAX_DIGITS

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Times stay text here: Arrow would take naive and date-only ones, and other separators.
_TYPES: Final = dict(zip(FIELDS, [pa.string()] * 3 + [EXACT] * 4 + [pa.int64()], strict=True))
_PARSE: Final = pj.ParseOptions(
    explicit_schema=pa.schema(_TYPES), newlines_in_values=False, unexpected_field_behavior="error"
)
_TIME_FORM: Final = np.frombuffer(b"0000-00-00T00:00:00.000000", np.uint8)
_SHORTEST_TIME, _LONGEST_TIME = len("0000-00-00T00:00:00Z"), len("0000-00-00T00:00:00.000000Z")
_ZERO, _NINE, _ZULU = ord("0"), ord("9"), ord("Z")


def parse_lines(values: Sequence[bytes]) -> pa.Table | None:
    """One row a value, in order; None where some value is not one flat object of the tick's fields and types.

    A field that lacks is null here. Decimals may be strings, and may have a digit too many (``fits``).
    """
    text = b"\n".join(values)
    options = pj.ReadOptions(use_threads=False, block_size=len(text) + 1)
    try:
        table = pj.read_json(pa.BufferReader(text), read_options=options, parse_options=_PARSE)
    except pa.ArrowInvalid:
        return None
    return table.select(FIELDS).combine_chunks() if table.num_rows == len(values) else None


def times_are_plain(column: Any) -> Mask:
    """Which times read ``YYYY-MM-DDThh:mm:ss[.ffffff]Z``, by their characters alone."""
    array = _one_chunk(column)
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    data = array.buffers()[2]
    characters = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    lengths = np.diff(offsets)
    plain = np.zeros(len(array), np.bool_)
    for length in np.unique(lengths):
        if _SHORTEST_TIME <= length <= _LONGEST_TIME and length != _SHORTEST_TIME + 1:
            (rows,) = np.nonzero(lengths == length)
            grid = characters[offsets[rows][:, None] + np.arange(length)]
            plain[rows] = _reads_as_time(grid)
    return plain


def _reads_as_time(grid: npt.NDArray[np.uint8]) -> Mask:
    body = grid[:, :-1]
    form = _TIME_FORM[: body.shape[1]]
    digits = form == _ZERO
    fits: Mask = np.all((body[:, digits] >= _ZERO) & (body[:, digits] <= _NINE), axis=1)
    fits &= np.all(body[:, ~digits] == form[~digits], axis=1)
    fits &= grid[:, -1] == _ZULU
    return fits


def to_instants(column: Any) -> Any:
    """Plain times as instants; None where some name no such time (a thirteenth month, a 61st second)."""
    try:
        return pc.cast(column, INSTANT)
    except pa.ArrowInvalid:
        return None


def integers(column: Any) -> Integers:
    """A column of 64-bit values without nulls as integers: instants in microseconds, sequence ids."""
    array = _one_chunk(column)
    return np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array)]


def units(column: Any) -> tuple[Integers, Mask]:
    """Decimals without nulls in units of 1e-9, and which of them have 18 digits at most (the others are wrong here)."""
    array = _one_chunk(column)
    words = np.frombuffer(array.buffers()[1], np.int64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    low, high = words[:, 0], words[:, 1]
    limit = 10**MAX_DIGITS
    return low, (high == low >> 63) & (low > -limit) & (low < limit)


def _one_chunk(column: Any) -> Any:
    combined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
