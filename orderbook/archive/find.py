"""One tick by its sequence id, wherever it lies."""

from datetime import UTC, date
from itertools import groupby
from typing import Any, Final

import pyarrow.compute as pc

from orderbook.archive.cold import cold_dataset
from orderbook.archive.root import Root
from orderbook.store import manifest
from orderbook.store.reader import Snapshot
from orderbook.store.readers.trace import TracedTick, find_ticks, follow

_KNOWN: Final = ["event_time", "received_time", "landed_at", "generation_id", "kafka_partition", "kafka_offset"]


def find_anywhere(snapshot: Snapshot, root: Root, symbol: str, sequence: int) -> list[TracedTick]:
    """The ticks with this id, hot and cold, of the newest day that has one; newest landed first.

    ``snapshot`` holds the days. Raises ``Unavailable`` where a file that may have one cannot be read.
    """
    hot = find_ticks(snapshot, symbol, sequence)
    since = hot[0].event_time.astimezone(UTC).date() if hot else date.min
    day, rows = _frozen(snapshot, root, symbol, sequence, since)
    found = follow(snapshot, rows) + (hot if day == since else []) if rows else hot
    return sorted(found, key=lambda tick: (tick.generation, tick.landed_at, tick.offset), reverse=True)


def _frozen(
    snapshot: Snapshot, root: Root, symbol: str, sequence: int, since: date
) -> tuple[date | None, list[dict[str, Any]]]:
    files = [
        file
        for file in manifest.files(snapshot)
        if file.day >= since and file.first_symbol <= symbol <= file.last_symbol
    ]
    wanted = (pc.field("symbol") == symbol) & (pc.field("sequence_id") == sequence)
    for day, there in groupby(reversed(files), key=lambda file: file.day):
        with root.told():
            rows = cold_dataset(root, list(there)).to_table(columns=_KNOWN, filter=wanted).to_pylist()
        if rows:
            return day, rows
    return None, []
