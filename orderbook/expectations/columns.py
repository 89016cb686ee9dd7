"""The columns that expectations are held against, derived from ticks batch by batch. Pure.

Prices and volumes become whole numbers of their ninth decimal place: 18 digits fit into 64 bits, exactly.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orderbook.profiles import Profile, Profiles
from orderbook.tick import DECIMAL_PLACES

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Place = tuple[int, int, int]  # generation, partition, offset

SHOWN: Final = (
    *("symbol", "event_time", "received_time", "bid_price", "ask_price", "bid_volume", "ask_volume"),
    *("sequence_id", "generation_id", "kafka_partition", "kafka_offset"),
)
_UNIT = 10**DECIMAL_PLACES


@dataclass(frozen=True, slots=True)
class Number:
    """A column of whole numbers; what stands where ``absent`` is set means nothing."""

    values: Ints
    absent: Flags

    def array(self) -> pa.Array:
        """As Arrow, null where absent."""
        return pa.array(self.values, mask=self.absent)


@dataclass(slots=True)
class SequenceSteps:
    """By how much the id of each tick is above the one before it, of the same symbol and partition.

    ``resets`` are the places where completeness saw the source count anew: nothing comes before those.
    """

    resets: Set[Place]
    last: dict[tuple[str, int, int], int] = field(default_factory=dict)

    def of(self, batch: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
        """Steps, and the ids they are counted from; null for the first. Batches come in the order of the stream.

        Ids below zero are passed over: they are out of their range already.
        """
        ids = _ints(batch["sequence_id"])
        before, known = np.zeros_like(ids), np.zeros(len(ids), dtype=bool)
        for rows, key in _chains(batch):
            sound = rows[ids[rows] >= 0]
            if len(sound) == 0:
                continue
            before[sound[1:]], known[sound[1:]] = ids[sound[:-1]], True
            if key in self.last:
                before[sound[0]], known[sound[0]] = self.last[key], True
            self.last[key] = int(ids[sound[-1]])
        known &= ~self._is_reset(batch)
        return pa.array(ids - before, mask=~known), pa.array(before, mask=~known)

    def _is_reset(self, batch: pa.RecordBatch) -> Flags:
        found = np.zeros(batch.num_rows, dtype=bool)
        if self.resets:
            offsets = _ints(batch["kafka_offset"])
            for row in np.flatnonzero(np.isin(offsets, [offset for _, _, offset in self.resets])):
                generation, partition = batch["generation_id"][row].as_py(), batch["kafka_partition"][row].as_py()
                found[row] = (generation, partition, int(offsets[row])) in self.resets
        return found


def derive(batch: pa.RecordBatch, profiles: Profiles, steps: SequenceSteps) -> Iterator[tuple[Profile, pa.Table]]:
    """Yield the rows of each profile of a batch of ``stream_ticks``, with the columns that its suite asks for.

    Rows with a number that is not finite are left out: nothing else can be said of them.
    """
    step, before = steps.of(batch)
    table = pa.table(batch).append_column("sequence_step", step).append_column("previous_sequence_id", before)
    symbols = pc.dictionary_encode(batch["symbol"])
    codes = symbols.indices.to_numpy()
    of = [profiles.of(symbol) for symbol in symbols.dictionary.to_pylist()]
    finite = batch["finite"].to_numpy(zero_copy_only=False)
    for profile in dict.fromkeys(of):
        wanted = np.isin(codes, [code for code, found in enumerate(of) if found == profile]) & finite
        if wanted.any():
            yield profile, _with_book(table.filter(pa.array(wanted)).combine_chunks(), profile)


def _with_book(table: pa.Table, profile: Profile) -> pa.Table:
    book = {name: numbers(table[name]) for name in ("bid_price", "ask_price", "bid_volume", "ask_volume")}
    bid, ask = (_sound(book[name], profile) for name in ("bid_price", "ask_price"))
    spread, band = _spread(bid, ask, profile)
    delay = _ints(table["received_time"]) - _ints(table["event_time"])
    whole = (book["bid_price"].absent == book["bid_volume"].absent) & (
        book["ask_price"].absent == book["ask_volume"].absent
    )
    derived = {f"{name}_nano": column.array() for name, column in book.items()}
    derived |= {"sound_bid": bid.array(), "sound_ask": ask.array(), "sides_whole": pa.array(whole)}
    derived |= {"spread": spread.array(), "spread_band": band, "delay_microseconds": pa.array(delay)}
    for name, column in derived.items():
        table = table.append_column(name, column)
    return table


def numbers(column: Any) -> Number:
    """A column of exact decimals as whole numbers of the ninth place."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    absent = array.is_null().to_numpy(zero_copy_only=False)
    words = np.frombuffer(array.buffers()[1], dtype="<i8")  # 128 bits each, of which 18 digits need the lower half
    return Number(words[2 * array.offset : 2 * (array.offset + len(array)) : 2].copy(), absent)


def _sound(price: Number, profile: Profile) -> Number:
    """A price that nothing more basic condemns."""
    if profile.allow_nonpositive_price:
        return price
    return Number(price.values, price.absent | (price.values <= 0))


def _spread(bid: Number, ask: Number, profile: Profile) -> tuple[Number, pa.Array]:
    absent = bid.absent | ask.absent | (ask.values < bid.values)
    mid = np.abs(bid.values / 2 + ask.values / 2)
    bounds = [np.full(len(mid), 0.0)]
    if profile.max_spread is not None:
        bounds.append(np.full(len(mid), profile.max_spread * _UNIT))
    if profile.max_spread_ratio is not None:
        bounds.append(mid * profile.max_spread_ratio)
    return Number(ask.values - bid.values, absent), pa.array(np.maximum.reduce(bounds), mask=absent)


def _chains(batch: pa.RecordBatch) -> Iterator[tuple[Ints, tuple[str, int, int]]]:
    """Yield the rows of each symbol and partition, in the order of the batch."""
    symbols = pc.dictionary_encode(batch["symbol"])
    parts = [symbols.indices.to_numpy(), _ints(batch["generation_id"]), _ints(batch["kafka_partition"])]
    order = np.lexsort(parts[::-1])
    edges = np.flatnonzero(np.logical_or.reduce([np.diff(part[order]) != 0 for part in parts])) + 1
    for rows in np.split(order, edges):
        if len(rows):
            code, generation, partition = (int(part[rows[0]]) for part in parts)
            yield rows, (symbols.dictionary[code].as_py(), generation, partition)


def _ints(column: Any) -> Ints:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    found: Ints = array.fill_null(0).to_numpy()  # of a time that is not finite: its row is left out
    return found
