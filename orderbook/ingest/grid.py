"""Many records of one text, and their values read where they stand: a word of eight characters at a time.

Each reader takes the places where values begin and end (the end not included), one row a field and one column a record,
and returns a column a field and which of the values are plain: of few digits, in the usual form. What is not plain may
read as anything.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa

from orderbook.ingest.words import (
    WIDTH,
    ZEROS,
    Integers,
    Mask,
    Words,
    are_digits,
    behind,
    first,
    first_digits,
    last_digits,
    number,
    points,
    word,
)
from orderbook.store.rows.copy_out import EXACT, INSTANT
from orderbook.stream.records import Spans
from orderbook.tick import DECIMAL_PLACES, is_symbol

_MOST_WORDS: Final = 4  # read in one go
LONGEST_PART: Final = _MOST_WORDS * WIDTH  # characters that stand before or behind a value
_COMMA, _MINUS, _POINT, _ZERO, _ZULU = b",-.0Z"
_LONGEST_SYMBOL = 2 * WIDTH
_SHORTEST_TIME, _LONGEST_TIME = len("0000-00-00T00:00:00Z"), len("0000-00-00T00:00:00.000000Z")
_DAY_MICROSECONDS = 86_400_000_000
_POWERS: Final = np.array([10**power for power in range(DECIMAL_PLACES + 1)], np.int64)


class Grid:
    """Some records of a text with margins, read by places in it. They stand in order, with anything between them."""

    def __init__(self, text: bytes, records: Spans) -> None:
        self._starts, self._ends = records
        self._text = np.frombuffer(text, np.uint8)
        self._views = {
            count: np.ndarray((len(text) - count * WIDTH + 1,), f"V{count * WIDTH}", text, strides=(1,))
            for count in range(1, _MOST_WORDS + 1)
        }  # so many words from each place on

    def edges(self, commas: int) -> tuple[Mask, list[Integers]]:
        """Which records have so many commas; of all, their first place, those of their commas, and their last."""
        begin, end = int(self._starts[0]), int(self._ends[-1])
        places = np.flatnonzero(self._text[begin:end] == _COMMA) + begin
        first_of = np.searchsorted(places, self._starts)
        beyond = np.append(places, [len(self._text)] * (commas + 1))  # so that each record has as many
        rows = beyond[first_of + np.arange(commas + 1)[:, None]]
        fitting = (rows[-2] < self._ends) & (rows[-1] >= self._ends)
        rows = rows[:-1] if fitting.all() else np.where(fitting, rows[:-1], self._starts)
        return fitting, [self._starts, *rows, self._ends - 1]

    def words(self, places: Integers, count: int) -> list[Words]:
        """So many words of eight characters, one after the other, from each place on; they are the first axis."""
        held = self._views[count][places].view("<u8").reshape(*places.shape, count)
        return list(np.moveaxis(held, -1, 0))

    def at(self, places: Integers) -> Any:
        """The character at each place."""
        return self._text[places]

    def reads(self, places: Integers, expected: bytes) -> Mask:
        """Whether just these characters stand from each place on."""
        differs = np.zeros(len(places), np.uint64)
        for begin in range(0, len(expected), LONGEST_PART):
            parts = [expected[at : at + WIDTH] for at in range(begin, min(len(expected), begin + LONGEST_PART), WIDTH)]
            for found, part in zip(self.words(places + begin, len(parts)), parts, strict=True):
                differs |= (found ^ word(part)) & word(b"\xff" * len(part))
        same: Mask = differs == 0
        return same


def symbols(grid: Grid, begin: Integers, end: Integers) -> tuple[list[Any], Mask]:
    lengths = end - begin
    plain = (lengths >= 1) & (lengths <= _LONGEST_SYMBOL) & (grid.at(end - 1) != 0)  # what is left out reads as NUL
    head, tail = grid.words(begin, 2)
    held = np.stack([first(head, lengths), first(tail, lengths - WIDTH)], axis=-1)
    binary = pa.FixedSizeBinaryArray.from_buffers(pa.binary(_LONGEST_SYMBOL), lengths.size, [None, pa.py_buffer(held)])
    encoded = binary.dictionary_encode()
    texts = [raw.rstrip(b"\0").decode("ascii", "replace") for raw in encoded.dictionary.to_pylist()]
    whole = [is_symbol(text) and not {*'"\\'} & {*text} for text in texts]  # JSON writes those two otherwise
    plain &= np.array(whole, np.bool_)[encoded.indices.to_numpy()]
    return [pa.array(texts, pa.string()).take(encoded.indices)], plain


def times(grid: Grid, begin: Integers, end: Integers) -> tuple[list[Any], Mask]:
    """``YYYY-MM-DDThh:mm:ss[.ffffff]Z``, of the fraction as many digits as there are."""
    lengths = end - begin
    plain = (lengths >= _SHORTEST_TIME) & (lengths <= _LONGEST_TIME) & (lengths != _SHORTEST_TIME + 1)
    to_month, to_minute, to_fraction, beyond = grid.words(begin, 4)
    month, reads_month = _form(to_month, b"0000-00-")
    hour, reads_hour = _form(to_minute, b"00T00:00")
    second, reads_second = _form(to_fraction, b":00     ")
    digits = lengths - _SHORTEST_TIME - 1
    fraction = first_digits((to_fraction >> np.uint64(32)) | (beyond << np.uint64(32)), digits)
    plain &= reads_month & reads_hour & reads_second & are_digits(fraction)
    plain &= (grid.at(end - 1) == _ZULU) & ((digits < 1) | (grid.at(begin + _SHORTEST_TIME - 1) == _POINT))
    day, hour, minute = hour // 1_000_000, hour // 1_000 % 1_000, hour % 1_000
    second //= 100_000
    days, exist = _days((month // 10_000 * 100 + month // 10 % 1_000) * 100 + day)
    plain &= exist & (hour < 24) & (minute < 60) & (second < 60)
    instants = days * _DAY_MICROSECONDS + (hour * 3_600 + minute * 60 + second) * 1_000_000 + number(fraction) // 100
    return [_column(INSTANT, row) for row in instants], plain


def _form(words: Words, form: bytes) -> tuple[Integers, Mask]:
    """What the digits say that stand where the form has a 0, and which words follow it; a space stands for anything."""
    digits, separators = (word(bytes(255 * (c in which) for c in form)) for which in (b"0", bytes({*form} - {*b"0 "})))
    held = (words & digits) | (ZEROS & ~digits)
    return number(held), are_digits(held) & ((words & separators) == word(form) & separators)


def _days(dates: Integers) -> tuple[Integers, Mask]:
    """Days since 1970 of dates as YYYYMMDD, and which of those dates there are."""
    if dates.size and (dates == dates.flat[0]).all():  # of most ranges all ticks are of one day
        found, which = [_day(int(dates.flat[0]))], np.zeros(dates.shape, np.int64)
    else:
        different, which = np.unique(dates, return_inverse=True)
        found = [_day(at) for at in different.tolist()]
    numbers = np.array([day or 0 for day in found], np.int64)
    return numbers[which], np.array([day is not None for day in found], np.bool_)[which]


def _day(at: int) -> int | None:
    try:
        return (date(at // 10_000, at // 100 % 100, at % 100) - date(1970, 1, 1)).days
    except ValueError:
        return None


def decimals(grid: Grid, begin: Integers, end: Integers) -> tuple[list[Any], Mask]:
    """``[-]w[.f]`` with at most 8 digits before the point and 7 behind it."""
    before, ending = grid.words(end - 2 * WIDTH, 2)
    point = points(ending)
    digits = behind(point)  # of the fraction
    pointed = point != 0
    plain = (point & (point - np.uint64(1)) == 0) & (pointed == (digits > 0))
    fraction = last_digits(ending, digits)
    negative = grid.at(begin) == _MINUS
    shift = ((WIDTH - digits - pointed) * WIDTH).view(np.uint64)  # bits: by all of a word, nothing of it is left
    held = (before >> shift) | (ending << (np.uint64(8 * WIDTH) - shift))
    whole, reads = _whole(grid, begin + negative, end - digits - pointed, [held])
    plain &= reads & are_digits(fraction)
    units = whole * _POWERS[DECIMAL_PLACES] + number(fraction) * _POWERS[DECIMAL_PLACES - digits]
    units = np.where(negative, -units, units)
    held = np.stack([units, units >> 63], axis=-1)  # a decimal is an integer of 128 bits, the low half first
    return [_column(EXACT, row) for row in held], plain


def sequences(grid: Grid, begin: Integers, end: Integers) -> tuple[list[Any], Mask]:
    found, plain = _whole(grid, begin, end, grid.words(end - 2 * WIDTH, 2))
    return [_column(pa.int64(), row) for row in found], plain


def _whole(grid: Grid, begin: Integers, end: Integers, ending: Sequence[Words]) -> tuple[Integers, Mask]:
    """A whole number without a sign, in the words that end with it; JSON has no zero before other digits."""
    lengths = end - begin
    plain = (lengths >= 1) & (lengths <= len(ending) * WIDTH) & ((lengths == 1) | (grid.at(begin) != _ZERO))
    found = np.zeros(lengths.shape, np.int64)
    for at, words in zip(reversed(range(len(ending))), ending, strict=True):
        held = last_digits(words, lengths - at * WIDTH)
        plain &= are_digits(held)
        found = found * 10**WIDTH + number(held)
    return found, plain


def _column(kind: pa.DataType, values: Integers) -> Any:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
