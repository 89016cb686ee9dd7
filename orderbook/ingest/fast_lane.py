"""The fast lane: a whole range at once. It accepts only what is certainly valid; all else goes to the validator.

So it never rejects, and what it accepts the validator would have accepted, with equal values: a property test says so.
Records that are written alike are read by their layout, the others by Arrow's parser.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson
import pyarrow as pa

from orderbook.ingest.columns import (
    Integers,
    Mask,
    integers,
    lines_are_plain,
    parse_lines,
    times_are_plain,
    to_instants,
    units,
)
from orderbook.ingest.layout import Layout, layout_of
from orderbook.ingest.validator import Judged, Validator
from orderbook.profiles import FIRST_TIME, LAST_TIME, Profile, Profiles
from orderbook.store.ledger.landing import TICKS
from orderbook.stream.records import Record, Records, Spans
from orderbook.tick import FIELDS, SCHEMA_VERSION, is_symbol, microseconds

_VERSIONS: Final = frozenset({None, str(SCHEMA_VERSION).encode()})
_QUOTES: Final = 2 * len(FIELDS) + 6  # a flat tick with numbers as JSON numbers: eight names, three strings
_NAMES: Final = frozenset(FIELDS)
_NO_BOUND: Final = 2**62  # microseconds
_FEWEST_ALIKE: Final = 64  # fewer records are not worth learning from
_SMALLEST_HALF: Final = 32  # fewer records are judged one by one
_NUMBER: Final = (int, float, type(None))


@dataclass(frozen=True, slots=True)
class _Block:
    """Some records of a range, by their places in it."""

    records: Records
    places: Integers

    def __len__(self) -> int:
        return len(self.places)

    @property
    def spans(self) -> Spans:
        """Where their values stand; what is null has no length."""
        starts, ends = self.records.values.at(self.places)
        return Spans(starts, np.maximum(starts, ends))

    def values(self) -> list[bytes]:
        return [self.records.value(at) or b"" for at in self.places.tolist()]

    def those(self, keep: Mask) -> "_Block":
        return self if keep.all() else _Block(self.records, self.places[keep])

    def split(self, keep: Mask) -> tuple["_Block", Integers]:
        """Those to keep, and the places of the others."""
        return self.those(keep), self.places[~keep]

    def halves(self) -> tuple["_Block", "_Block"]:
        half = len(self) // 2
        return _Block(self.records, self.places[:half]), _Block(self.records, self.places[half:])


@dataclass(frozen=True, slots=True)
class _Stamps:
    """What the log says of each record: its offset, and the broker's time in microseconds (negative: none)."""

    offsets: Integers
    times: Integers

    @classmethod
    def of(cls, records: Records) -> "_Stamps":
        return cls(records.offsets, records.timestamps_ms * 1000)


_Accepted = tuple[list[pa.Table], list[Integers]]  # tables of the certainly valid, and the places of all others


class FastLane:
    """See ``validator.Judge``. Ranges of fewer records than ``fewest`` are the validator's: columns cost more there."""

    def __init__(self, validator: Validator, profiles: Profiles, fewest: int = 0) -> None:
        self._validator = validator
        self._fewest = fewest
        self._profiles = profiles
        self._layout: Layout | None = None  # of the records before
        self._last_failed = False

    def judge(self, records: Sequence[Record]) -> Judged:
        """See ``validator.Judge``."""
        if len(records) < self._fewest:
            return self._validator.judge(records)
        held = records if isinstance(records, Records) else Records.of(records)
        stamps = _Stamps.of(held)
        block, odd = self._of_our_version(held)
        tables, unfit, block = self._written_alike(block, stamps)
        block, unclear = block.split(lines_are_plain(block.values(), _QUOTES))
        parsed, doubtful = self._accept(block, stamps)
        places = np.sort(np.concatenate([odd, *unfit, unclear, *doubtful]))
        judged = self._validator.judge([held[at] for at in places]) if len(places) else Judged(TICKS.empty_table())
        judged.ticks = pa.concat_tables([*tables, *parsed, judged.ticks])
        return judged

    def _of_our_version(self, held: Records) -> tuple[_Block, Integers]:
        block = _Block(held, np.arange(len(held)))
        ours = np.array([version in _VERSIONS for version in held.versions.kinds], np.bool_)
        return (block, block.places[:0]) if ours.all() else block.split(ours[held.versions.codes])

    def _written_alike(self, block: _Block, stamps: _Stamps) -> tuple[list[pa.Table], list[Integers], _Block]:
        """The ticks whose layout is known, the places of those among them to be judged, and the other records.

        Known are the layout that was met last, and that of the first record which has another.
        """
        tables: list[pa.Table] = []
        left: list[Integers] = []
        for known in (self._layout, None):
            if len(block) < _FEWEST_ALIKE or (layout := known or layout_of(block.records.text, block.spans)) is None:
                continue
            found, certain = layout.read(block.records.text, block.spans)
            if not certain.any():
                continue
            self._layout = layout
            table, rest = self._acceptable_of(found, block.those(certain).places, stamps)
            tables.append(table)
            left.append(rest)
            block = block.those(~certain)
        return tables, left, block

    def _accept(self, block: _Block, stamps: _Stamps) -> _Accepted:
        hopeless: list[Integers] = []
        if self._last_failed:  # bad records come in series: look before the parse fails on them
            block, bad = block.split(np.array([_will_parse(value) for value in block.values()], np.bool_))
            hopeless = [bad]
        if not len(block):
            return [], hopeless
        parsed = parse_lines(block.values())
        if parsed is not None:
            self._last_failed = any(len(bad) for bad in hopeless)
            table, rest = self._certain(parsed, block, stamps)
            return [table], hopeless + rest
        if not self._last_failed:
            self._last_failed = True
            return self._accept(block, stamps)
        if len(block) <= _SMALLEST_HALF:
            return [], [*hopeless, block.places]
        tables: list[pa.Table] = []
        for half in block.halves():
            more, rest = self._accept(half, stamps)
            tables += more
            hopeless += rest
        self._last_failed = True
        return tables, hopeless

    def _certain(self, parsed: pa.Table, block: _Block, stamps: _Stamps) -> tuple[pa.Table, list[Integers]]:
        places, left = block.places, []

        def keep(these: Mask) -> None:
            nonlocal parsed, places
            if not these.all():
                left.append(places[~these])
                parsed, places = parsed.filter(pa.array(these)).combine_chunks(), places[these]

        whole = np.ones(len(block), np.bool_)
        for name in FIELDS:
            if parsed[name].null_count:
                whole &= parsed[name].is_valid().to_numpy()
        keep(whole)
        keep(times_are_plain(parsed["event_time"]) & times_are_plain(parsed["received_time"]))
        for name in ("event_time", "received_time"):
            instants = to_instants(parsed[name])
            if instants is None:  # rare: some time of this block does not exist
                return TICKS.empty_table(), [*left, places]
            parsed = parsed.set_column(parsed.schema.get_field_index(name), name, instants)
        table, rest = self._acceptable_of(parsed, places, stamps)
        return table, [*left, rest]

    def _acceptable_of(self, parsed: pa.Table, places: Integers, stamps: _Stamps) -> tuple[pa.Table, Integers]:
        """Those of the ticks that the rules accept, as they are stored, and the places of the others."""
        accepted = self._acceptable(parsed, stamps.times[places])
        placed = parsed.append_column("kafka_offset", pa.array(stamps.offsets[places])).cast(TICKS)
        if accepted.all():
            return placed, places[:0]
        return placed.filter(pa.array(accepted)).combine_chunks(), places[~accepted]

    def _acceptable(self, ticks: pa.Table, stamps: Integers) -> Mask:
        encoded = ticks["symbol"].combine_chunks().dictionary_encode()
        symbols, which = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
        profiles = [self._profiles.of(symbol) for symbol in symbols]
        accepted: Mask = np.array([is_symbol(symbol) for symbol in symbols], np.bool_)[which]
        accepted &= integers(ticks["sequence_id"]) >= 0
        accepted &= _timely(profiles, which, integers(ticks["event_time"]), stamps)
        return accepted & _sound(profiles, which, ticks)


def _timely(profiles: list[Profile], which: Integers, at: Integers, stamps: Integers) -> Mask:
    age = np.array([_micro(profile.max_age_seconds) for profile in profiles], np.int64)[which]
    ahead = np.array([_micro(profile.max_ahead_seconds) for profile in profiles], np.int64)[which]
    bounded = (at >= stamps - age) & (at <= stamps + ahead)
    known: Mask = (at >= microseconds(FIRST_TIME)) & (at < microseconds(LAST_TIME)) & ((stamps < 0) | bounded)
    return known


def _sound(profiles: list[Profile], which: Integers, ticks: pa.Table) -> Mask:
    def allowed(flag: str) -> Mask:
        return np.array([getattr(profile, flag) for profile in profiles], np.bool_)[which]

    (bid, bid_fits), (ask, ask_fits) = units(ticks["bid_price"]), units(ticks["ask_price"])
    (bid_volume, bid_volume_fits), (ask_volume, ask_volume_fits) = (
        units(ticks["bid_volume"]),
        units(ticks["ask_volume"]),
    )
    least_volume = np.where(allowed("allow_zero_volume"), 0, 1)
    sound: Mask = bid_fits & ask_fits & bid_volume_fits & ask_volume_fits
    sound &= (bid < ask) | (allowed("allow_locked") & (bid == ask))
    sound &= allowed("allow_nonpositive_price") | ((bid > 0) & (ask > 0))
    sound &= (bid_volume >= least_volume) & (ask_volume >= least_volume)
    return sound


def _micro(seconds: float | None) -> int:
    return _NO_BOUND if seconds is None else round(seconds * 1_000_000)


def _will_parse(value: bytes) -> bool:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return (
        type(found) is dict
        and found.keys() == _NAMES
        and type(found["symbol"]) is str
        and type(found["event_time"]) is str
        and type(found["received_time"]) is str
        and type(found["sequence_id"]) is int
        and type(found["bid_price"]) in _NUMBER
        and type(found["ask_price"]) in _NUMBER
        and type(found["bid_volume"]) in _NUMBER
        and type(found["ask_volume"]) in _NUMBER
    )
