"""Eight characters of a text as one 64-bit word: what is read of many records at once, without a loop over characters.

The first character is the word's lowest byte. All functions take and return arrays of one shape. Counts
below 0 count as 0, above 8 as 8. Digits as in D. Lemire, "Quickly parsing eight digits" (2018).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

WIDTH: Final = 8
ZEROS: Final = np.uint64(0x3030303030303030)
_POINTS: Final = np.uint64(0x2E2E2E2E2E2E2E2E)
_LOW_BITS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGH_NIBBLES: Final = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIXES: Final = np.uint64(0x0606060606060606)
_THREES: Final = np.uint64(0x3333333333333333)
_PLACES: Final = np.uint64(0x0706050403020100)
_EVERY_FOURTH: Final = np.uint64(0x000000FF000000FF)
_ALL = 2**64 - 1
_KEEP_FIRST: Final = np.array([2 ** (WIDTH * count) - 1 for count in range(WIDTH + 1)], np.uint64)
_KEEP_LAST: Final = np.array([_ALL ^ (2 ** (WIDTH * (WIDTH - count)) - 1) for count in range(WIDTH + 1)], np.uint64)
_ZEROS_AFTER: Final = ~_KEEP_FIRST & ZEROS
_ZEROS_BEFORE: Final = ~_KEEP_LAST & ZEROS


def word(characters: bytes) -> np.uint64:
    """Eight characters as a word; NULs follow where there are fewer."""
    return np.uint64(int.from_bytes(characters, "little"))


def first(words: Words, counts: Integers) -> Words:
    """So many first characters of each, and NULs in place of the others."""
    return words & _KEEP_FIRST.take(counts, mode="clip")


def first_digits(words: Words, counts: Integers) -> Words:
    """So many first characters of each, and the digit 0 in place of the others."""
    return (words & _KEEP_FIRST.take(counts, mode="clip")) | _ZEROS_AFTER.take(counts, mode="clip")


def last_digits(words: Words, counts: Integers) -> Words:
    """So many last characters of each, and the digit 0 in place of the others."""
    return (words & _KEEP_LAST.take(counts, mode="clip")) | _ZEROS_BEFORE.take(counts, mode="clip")


def are_digits(words: Words) -> Mask:
    """Whether all eight characters are digits."""
    found: Mask = ((words & _HIGH_NIBBLES) | (((words + _SIXES) & _HIGH_NIBBLES) >> np.uint64(4))) == _THREES
    return found


def number(words: Words) -> Integers:
    """What eight digits mean, the first of them the highest. Anything where they are no digits."""
    pairs = words - ZEROS
    pairs = pairs * np.uint64(10) + (pairs >> np.uint64(8))
    fours = (pairs & _EVERY_FOURTH) * np.uint64(0x000F424000000064)
    fours += ((pairs >> np.uint64(16)) & _EVERY_FOURTH) * np.uint64(0x0000271000000001)
    return (fours >> np.uint64(32)).view(np.int64)


def points(words: Words) -> Words:
    """The highest bit of each character that is a point."""
    other = words ^ _POINTS
    return ~(((other & _LOW_BITS) + _LOW_BITS) | other | _LOW_BITS)


def behind(bits: Words) -> Integers:
    """How many characters follow the one whose highest bit is set; 0 where no bit is."""
    return (((bits >> np.uint64(7)) * _PLACES) >> np.uint64(56)).view(np.int64)
