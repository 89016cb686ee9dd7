"""Numbers and bytes of many records at once, where they stand in one text. Numbers are zigzag varints."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from kafka.errors import CorruptRecordError

from orderbook.stream.records import Integers, Spans

_WORD: Final = 8  # bytes; a varint of more is left to others
_MORE: Final = np.uint64(0x8080808080808080)  # the bit that says: another byte follows
_ONE: Final = np.uint64(1)
_GROUP: Final = 0x7F


class Unusual(Exception):
    """Something that only a reader of single records can tell."""


class Fields:
    """Reads one field after the other, of all records at once."""

    def __init__(self, text: bytes, places: Integers) -> None:
        self._bytes = np.frombuffer(text, np.uint8)
        self._words = np.ndarray((len(text) - _WORD + 1,), f"V{_WORD}", text, strides=(1,))  # from each place on
        self.places = places

    def bytes_at(self, places: Integers) -> Any:
        return self._bytes[places]

    def number(self) -> Integers:
        """A varint of each record."""
        first = self._bytes[self.places]
        if not (first & 0x80).any():
            self.places = self.places + 1
            return (first >> 1).astype(np.int64) ^ -(first & 1).astype(np.int64)
        words = self._words[self.places].view("<u8")
        ending = ~words & _MORE
        last_bit = ending & (~ending + _ONE)  # of the last byte
        if not last_bit.all():
            raise Unusual
        below = last_bit - _ONE
        words &= below
        lengths = (np.bitwise_count(below).astype(np.int64) + 1) >> 3
        found = np.zeros(len(words), np.uint64)
        for group in range(int(lengths.max())):
            found |= (words >> np.uint64(group)) & np.uint64(_GROUP << 7 * group)
        self.places = self.places + lengths
        return (found >> _ONE).view(np.int64) ^ -(found & _ONE).view(np.int64)

    def span(self, limits: Integers) -> Spans:
        """Bytes that follow their length, or null."""
        lengths = self.number()
        starts = self.places
        ends = starts + lengths  # a null has the length -1
        if (lengths < -1).any() or (ends > limits).any():
            raise Unusual
        self.places = starts + np.maximum(lengths, 0)
        return Spans(starts, ends)


def frames(text: bytes, batches: Sequence[tuple[int, int]], at: int) -> tuple[Integers, Integers]:
    """Where each record begins, behind its length, and ends.

    ``batches``, their records and their bytes, stand one after the other from ``at`` on. Raises ``CorruptRecordError``
    where the lengths of a batch's records are not the batch's. A guess that holds saves a walk from each to the next.
    """
    try:
        found = _guessed(text, batches, at)
    except (Unusual, IndexError):
        found = None
    return _walked(text, batches, at) if found is None else found


def _guessed(text: bytes, batches: Sequence[tuple[int, int]], at: int) -> tuple[Integers, Integers] | None:
    """A guess from the first record: all values begin with the same character, which stands nowhere else, and the same
    number of bytes follows each. It holds where the length of each record leads to the next.
    """
    first = Fields(text, np.array([at], np.int64))
    end = int((first.number() + first.places)[0])
    first.places = first.places + 1
    first.number(), first.number(), first.span(np.array([end]))
    value = first.span(np.array([end]))
    if value.ends[0] <= value.starts[0]:
        return None
    whole = sum(size for _, size in batches)
    places = np.flatnonzero(np.frombuffer(text, np.uint8)[at : at + whole] == text[value.starts[0]]) + at
    if len(places) != sum(count for count, _ in batches):
        return None
    lengths = Fields(text, places - 2)  # of the values, two bytes where they have 64 to 8,191
    ends = places + lengths.number() + (end - int(value.ends[0]))
    starts = np.append(at, ends[:-1])
    records = Fields(text, starts)
    holds = (records.number() + records.places == ends).all() and (lengths.places == places).all()
    last = np.cumsum([count for count, _ in batches]) - 1
    holds = holds and (ends[last] == at + np.cumsum([size for _, size in batches])).all()
    return (records.places, ends) if holds else None


def _walked(text: bytes, batches: Sequence[tuple[int, int]], at: int) -> tuple[Integers, Integers]:
    begins: list[int] = []
    ends: list[int] = []
    for count, size in batches:
        end = at + size
        for _ in range(count):
            length = text[at]
            at += 1
            if length > _GROUP:
                length &= _GROUP
                shift = 7
                while True:
                    following = text[at]
                    at += 1
                    length |= (following & _GROUP) << shift
                    shift += 7
                    if following <= _GROUP:
                        break
            begins.append(at)
            at += length >> 1  # zigzag, and never negative
            ends.append(at)
            if at > end:
                raise CorruptRecordError("a record is longer than its batch")
        if at != end:
            raise CorruptRecordError("a batch is longer than its records")
    return np.array(begins, np.int64), np.array(ends, np.int64)
