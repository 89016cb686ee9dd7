"""How many ticks a span holds, hot and cold, told without reading them."""

import pyarrow as pa
import pyarrow.compute as pc

from orderbook.archive.cold import cold_dataset
from orderbook.archive.root import Root
from orderbook.query.session import Window
from orderbook.store import manifest
from orderbook.store.reader import Snapshot
from orderbook.store.readers.coverage import hot_ticks


def count_ticks(snapshot: Snapshot, root: Root, window: Window, most: int) -> int:
    """The ticks of a window that is bounded on both sides; of the hot ones Postgres counts ``most`` and no more.

    Inside ``Reader.snapshot(holds_days=True)``. Of files only the columns that bound the window are read. Raises
    ``Missing``, ``Unavailable``.
    """
    start, end = window.start, window.end
    if start is None or end is None:
        raise ValueError("the window has no end")
    found = hot_ticks(snapshot, start, end, window.symbols, most)
    files = [file for file in manifest.files(snapshot) if file.first_time < end and file.last_time >= start]
    if not files or found >= most:
        return found
    at = pc.field("event_time")
    condition = (at >= start) & (at < end)
    if window.symbols is not None:
        condition &= pc.field("symbol").isin(pa.array(window.symbols, pa.string()))
    with root.told():
        return found + int(cold_dataset(root, files).count_rows(filter=condition))
