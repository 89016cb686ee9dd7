"""What a landing keeps of its ticks' ids and clocks: computed from the columns in hand, all at once, and small.

A range of a healthy feed becomes one section a symbol.
"""

import json
from collections import Counter, defaultdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orderbook.profiles import Profile, Profiles
from orderbook.sequence import Section, SymbolSummary, encoded
from orderbook.store.ledger.landing import Summary

HOUR_MICROSECONDS: Final = 3_600_000_000
_EVER: Final = 2**62  # longer, or further, than anything
_STEPS: Final = {"+1": (1, 1), "increasing": (1, _EVER * 2 - 1), "none": (-_EVER * 2, _EVER * 2 - 1)}

Integers = npt.NDArray[np.int64]


class Summariser:
    """Summarises ticks by the rules of their symbols' profiles."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def __call__(self, ticks: pa.Table) -> Summary:
        """The summary of ``ticks`` (``store.ledger.landing.TICKS``, in any order)."""
        return Summary(encoded(self.summarise(ticks)), json.dumps(smallest_skews(ticks)))

    def summarise(self, ticks: pa.Table) -> list[SymbolSummary]:
        """What is kept of the ids, one entry a symbol."""
        if ticks.num_rows == 0:
            return []
        names = ticks["symbol"].combine_chunks().dictionary_encode()
        symbols = names.dictionary.to_pylist()
        profiles = [self._profiles.of(symbol) for symbol in symbols]
        rows = _in_log_order(names.indices.to_numpy(zero_copy_only=False), ticks)
        starts = _section_starts(rows, profiles)
        sections = _sections(rows, starts)
        hours = _hours(rows)
        return [
            SymbolSummary(symbol, profile.sequence, sections[code], sorted(hours[code].items()))
            for code, (symbol, profile) in enumerate(zip(symbols, profiles, strict=True))
        ]


def smallest_skews(ticks: pa.Table) -> dict[str, int]:
    """The smallest receive time less event time of each symbol, in microseconds."""
    names = ticks["symbol"].combine_chunks().dictionary_encode()
    smallest = np.full(len(names.dictionary), _EVER)
    skews = _integers(ticks["received_time"]) - _integers(ticks["event_time"])
    np.minimum.at(smallest, names.indices.to_numpy(zero_copy_only=False), skews)
    return dict(zip(names.dictionary.to_pylist(), smallest.tolist(), strict=True))


class _Rows:
    """The columns that matter, by symbol and then by offset."""

    __slots__ = ("codes", "ids", "offsets", "same_symbol", "times")

    def __init__(self, codes: npt.NDArray[Any], offsets: Integers, ids: Integers, times: Integers) -> None:
        self.codes, self.offsets, self.ids, self.times = codes, offsets, ids, times
        self.same_symbol = codes[1:] == codes[:-1]


def _in_log_order(codes: npt.NDArray[Any], ticks: pa.Table) -> _Rows:
    offsets = _integers(ticks["kafka_offset"])
    small = codes.astype(np.uint16 if ticks.num_rows < 2**16 else np.int64)  # numpy sorts 16 bits by radix
    in_order = bool(np.all(offsets[1:] > offsets[:-1]))
    order = np.argsort(small, kind="stable") if in_order else np.lexsort((offsets, small))
    ids, times = _integers(ticks["sequence_id"]), _integers(ticks["event_time"])
    return _Rows(small[order], offsets[order], ids[order], times[order])


def _section_starts(rows: _Rows, profiles: list[Profile]) -> npt.NDArray[np.intp]:
    steps = np.array([_STEPS[profile.sequence] for profile in profiles], np.int64)
    patience = np.array([_microseconds(profile.stale_after_seconds) for profile in profiles], np.int64)
    codes, step = rows.codes[1:], np.diff(rows.ids)
    goes_on = rows.same_symbol & (step >= steps[codes, 0]) & (step <= steps[codes, 1])
    goes_on &= np.diff(rows.times) <= patience[codes]
    return np.concatenate(([0], np.flatnonzero(~goes_on) + 1))


def _sections(rows: _Rows, starts: npt.NDArray[np.intp]) -> dict[int, list[Section]]:
    ends = np.append(starts[1:], len(rows.codes)) - 1
    columns = (
        rows.offsets[starts],
        rows.offsets[ends],
        rows.ids[starts],
        rows.ids[ends],
        rows.times[starts],
        np.maximum.reduceat(rows.times, starts),
    )
    found: dict[int, list[Section]] = defaultdict(list)
    for code, section in zip(rows.codes[starts].tolist(), np.column_stack(columns).tolist(), strict=True):
        found[code].append(Section(*section))
    return found


def _hours(rows: _Rows) -> dict[int, Counter[int]]:
    hours = rows.times // HOUR_MICROSECONDS
    changes = ~rows.same_symbol | (hours[1:] != hours[:-1])
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
    counts = np.diff(np.append(starts, len(hours)))
    found: dict[int, Counter[int]] = defaultdict(Counter)
    places = zip(rows.codes[starts].tolist(), hours[starts].tolist(), counts.tolist(), strict=True)
    for code, hour, count in places:
        found[code][hour] += count
    return found


def _integers(column: Any) -> Integers:
    found: Integers = column.to_numpy().view(np.int64)
    return found


def _microseconds(seconds: float | None) -> int:
    return _EVER if seconds is None else round(seconds * 1_000_000)
