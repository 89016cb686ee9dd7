"""The fast lane: a whole range at once. It accepts only what is certainly valid; all else goes to the validator.

So it never rejects, and what it accepts the validator would have accepted, with equal values: a property test says so.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import orjson
import pyarrow as pa

from orderbook.ingest.columns import Integers, Mask, integers, parse_lines, times_are_plain, to_instants, units
from orderbook.ingest.validator import Judged, Validator
from orderbook.profiles import FIRST_TIME, LAST_TIME, Profile, Profiles
from orderbook.store.landing import TICKS
from orderbook.stream.batch import Record
from orderbook.tick import FIELDS, SCHEMA_VERSION, is_symbol, microseconds

_VERSIONS: Final = (None, str(SCHEMA_VERSION).encode())
_QUOTES: Final = 2 * len(FIELDS) + 6  # a flat tick with numbers as JSON numbers: eight names, three strings
_NAMES: Final = frozenset(FIELDS)
_NO_BOUND: Final = 2**62  # microseconds
_SMALLEST_HALF: Final = 32  # fewer records are judged one by one
_NUMBER: Final = (int, float, type(None))


class FastLane:
    """See ``validator.Judge``."""

    def __init__(self, validator: Validator, profiles: Profiles) -> None:
        self._validator = validator
        self._profiles = profiles
        self._last_failed = False

    def judge(self, records: Sequence[Record]) -> Judged:
        """See ``validator.Judge``."""
        plain = [record for record in records if _is_plain(record)]
        tables, doubtful = self._accept(plain)
        if len(plain) < len(records):
            doubtful += [record for record in records if not _is_plain(record)]
        judged = self._validator.judge(sorted(doubtful)) if doubtful else Judged(TICKS.empty_table())
        judged.ticks = pa.concat_tables([*tables, judged.ticks])
        return judged

    def _accept(self, records: list[Record]) -> tuple[list[pa.Table], list[Record]]:
        """Tables of the certainly valid, and the records that are not certain."""
        doubtful: list[Record] = []
        if self._last_failed:  # bad records come in series: look before the parse fails on them
            records, doubtful = _sorted_out(records)
        if not records:
            return [], doubtful
        parsed = parse_lines([record.value or b"" for record in records])
        if parsed is not None:
            self._last_failed = bool(doubtful)
            table, rest = self._certain(parsed, records)
            return [table], doubtful + rest
        if not self._last_failed:
            self._last_failed = True
            tables, rest = self._accept(records)
            return tables, doubtful + rest
        if len(records) <= _SMALLEST_HALF:
            return [], doubtful + records
        half = len(records) // 2
        first, rest_of_first = self._accept(records[:half])
        second, rest_of_second = self._accept(records[half:])
        self._last_failed = True
        return first + second, doubtful + rest_of_first + rest_of_second

    def _certain(self, parsed: pa.Table, records: list[Record]) -> tuple[pa.Table, list[Record]]:
        offsets = pa.array([record.offset for record in records], pa.int64())
        parsed = parsed.append_column("kafka_offset", offsets)
        whole = np.ones(len(records), np.bool_)
        for name in FIELDS:
            if parsed[name].null_count:
                whole &= parsed[name].is_valid().to_numpy()
        parsed, records, doubtful = _split(parsed, records, whole)
        plain = times_are_plain(parsed["event_time"]) & times_are_plain(parsed["received_time"])
        parsed, records, rest = _split(parsed, records, plain)
        doubtful += rest
        for name in ("event_time", "received_time"):
            instants = to_instants(parsed[name])
            if instants is None:  # rare: some time of this block does not exist
                return TICKS.empty_table(), doubtful + records
            parsed = parsed.set_column(parsed.schema.get_field_index(name), name, instants)
        parsed, _, rest = _split(parsed, records, self._acceptable(parsed, records))
        return parsed.cast(TICKS), doubtful + rest

    def _acceptable(self, ticks: pa.Table, records: list[Record]) -> Mask:
        encoded = ticks["symbol"].combine_chunks().dictionary_encode()
        symbols, which = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
        profiles = [self._profiles.of(symbol) for symbol in symbols]
        stamps = np.fromiter((record.timestamp_ms for record in records), np.int64, len(records)) * 1000
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


def _is_plain(record: Record) -> bool:
    """One flat line of ASCII with as many strings as a tick has: nobody can read two values, or half of one, in it."""
    value = record.value
    return (
        value is not None
        and record.version in _VERSIONS
        and value[:1] == b"{"
        and value[-1:] == b"}"
        and value.count(b'"') == _QUOTES
        and value.isascii()
        and b"\n" not in value
        and b"\r" not in value
    )


def _sorted_out(records: list[Record]) -> tuple[list[Record], list[Record]]:
    """Records that will parse, most likely, and those that will not."""
    good: list[Record] = []
    bad: list[Record] = []
    for record in records:
        (good if _will_parse(record.value or b"") else bad).append(record)
    return good, bad


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


def _split(ticks: pa.Table, records: list[Record], keep: Mask) -> tuple[pa.Table, list[Record], list[Record]]:
    if keep.all():
        return ticks, records, []
    kept = [record for record, yes in zip(records, keep, strict=True) if yes]
    left = [record for record, yes in zip(records, keep, strict=True) if not yes]
    return ticks.filter(pa.array(keep)), kept, left
