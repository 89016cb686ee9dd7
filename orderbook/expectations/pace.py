"""The pace of a window, kept while its ticks stream by: how many an hour has, who was silent for how long. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orderbook.expectations.columns import Place
from orderbook.profiles import Profile, Profiles
from orderbook.sessions import open_seconds
from orderbook.tick import from_microseconds, microseconds

_HOUR = 3_600_000_000  # µs


@dataclass(frozen=True, slots=True)
class Counted:
    """Up to where the ledger has counted: below ``stitched``, by generation and partition, and single late ticks."""

    stitched: Mapping[tuple[int, int], int]
    late: Collection[Place]


@dataclass(slots=True)
class _Symbol:
    ticks: int = 0
    last: int = 0  # event time, µs
    silent_seconds: float = 0.0
    silent_from: int | None = None

    def hear(self, since: int, until: int, profile: Profile) -> None:
        if until - since <= self.silent_seconds * 1_000_000:
            return
        silent = open_seconds(profile.sessions, from_microseconds(since), from_microseconds(until))
        if silent > self.silent_seconds:
            self.silent_seconds, self.silent_from = silent, since


@dataclass(slots=True)
class Pace:
    """Batches of ``stream_ticks`` in, rows of the batches ``symbols`` and ``ledger`` out."""

    profiles: Profiles
    counted: Counted
    hours: Counter[tuple[str, int]] = field(default_factory=Counter)  # hours in µs since 1970
    _symbols: dict[str, _Symbol] = field(default_factory=dict)

    def expect(self, symbol: str, since: datetime) -> None:
        """The symbol is known since then: its silence begins there, though no tick may come."""
        self._symbols.setdefault(symbol, _Symbol()).last = microseconds(since)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next batch in."""
        times = batch["event_time"].cast(pa.int64()).to_numpy()
        counts = self._counts(batch)
        starts = np.flatnonzero(pc.not_equal(batch["symbol"][1:], batch["symbol"][:-1]).to_numpy(zero_copy_only=False))
        for rows in np.split(np.arange(batch.num_rows), starts + 1):
            symbol = batch["symbol"][int(rows[0])].as_py()
            self._silences(symbol, times[rows])
            whole, ticks = np.unique(times[rows][counts[rows]] // _HOUR, return_counts=True)
            self.hours.update({(symbol, int(hour) * _HOUR): int(n) for hour, n in zip(whole, ticks, strict=True)})

    def _silences(self, symbol: str, times: npt.NDArray[np.int64]) -> None:
        profile, state = self.profiles.of(symbol), self._symbols.setdefault(symbol, _Symbol())
        state.ticks += len(times)
        path = np.concatenate([[state.last or times[0]], times])
        steps = np.diff(path)
        for row in np.argsort(steps)[::-1]:
            if steps[row] <= state.silent_seconds * 1_000_000:
                break  # none that follows is longer
            state.hear(int(path[row]), int(path[row + 1]), profile)
        state.last = int(times[-1])

    def _counts(self, batch: pa.RecordBatch) -> Any:
        places = [batch[name].to_numpy() for name in ("generation_id", "kafka_partition", "kafka_offset")]
        generations, partitions, offsets = places
        found = np.zeros(batch.num_rows, dtype=bool)
        for (generation, partition), stitched in self.counted.stitched.items():
            found |= (generations == generation) & (partitions == partition) & (offsets < stitched)
        if self.counted.late:
            for row in np.flatnonzero(np.isin(offsets, [offset for _, _, offset in self.counted.late])):
                found[row] |= tuple(int(place[row]) for place in places) in self.counted.late
        return found

    def symbols(self, until: datetime) -> Iterator[dict[str, Any]]:
        """Yield a row per symbol, silent up to ``until``."""
        for symbol, state in sorted(self._symbols.items()):
            profile = self.profiles.of(symbol)
            state.hear(state.last, max(state.last, microseconds(until)), profile)
            since = None if state.silent_from is None else from_microseconds(state.silent_from)
            yield {
                "symbol": symbol,
                "profile": profile.name,
                "ticks": state.ticks,
                "patience_seconds": profile.stale_after_seconds,
                "silent_seconds": state.silent_seconds,
                "silent_from": since,
            }

    def ledger(self, counted: Mapping[tuple[str, datetime], int]) -> Iterator[dict[str, Any]]:
        """Yield a row per symbol and hour: how many rows it has, and how many the ledger ``counted``."""
        stored = {(symbol, from_microseconds(hour)): ticks for (symbol, hour), ticks in self.hours.items()}
        for symbol, hour in sorted(stored.keys() | counted.keys()):
            key = symbol, hour
            yield {"symbol": symbol, "hour": hour, "stored": stored.get(key, 0), "counted": counted.get(key, 0)}
