"""Ticks in order, hot and cold, a page at a time: by day (UTC), then symbol, then time.

For one symbol that is the order of time. A page is read in a snapshot of its own and ends with a key, so nothing stays
open between two pages, however slow their reader is. No row comes twice; what landed since behind the key is not seen.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orderbook.archive.root import Root
from orderbook.store import manifest
from orderbook.store.manifest import ColdFile
from orderbook.store.reader import Snapshot
from orderbook.store.rows.copy_out import STORED
from orderbook.store.rows.selects import hot_days
from orderbook.store.rows.tick_pages import ORDER, TickKey, TickQuery, hot_page

EMPTY = STORED.empty_table()


class TickPages:
    """Reads pages of one snapshot; make it inside ``Reader.snapshot(holds_days=True)``."""

    def __init__(self, snapshot: Snapshot, root: Root) -> None:
        self._snapshot = snapshot
        self._root = root
        self._hot = set(hot_days(snapshot))
        self._cold: dict[date, list[ColdFile]] = {}
        for file in manifest.files(snapshot):
            self._cold.setdefault(file.day, []).append(file)

    def sources(self, query: TickQuery) -> list[str]:
        """Where rows of the window may lie: ``hot``, ``cold``, or both."""
        days = self._days(query, None)
        return [name for name, there in (("hot", self._hot), ("cold", self._cold)) if any(d in there for d in days)]

    def page(self, query: TickQuery, after: TickKey | None, rows: int) -> pa.Table:
        """At most ``rows`` ticks beyond ``after``; fewer only where there are no more. Raises ``Unavailable``."""
        found: list[pa.Table] = []
        count = 0
        for day in self._days(query, after):
            part = self._day(query, day, after, rows - count)
            found.append(part)
            count += part.num_rows
            if count >= rows:
                break
        return pa.concat_tables(found) if found else EMPTY

    def _days(self, query: TickQuery, after: TickKey | None) -> list[date]:
        first, last = query.start.astimezone(UTC).date(), (query.end - timedelta(microseconds=1)).astimezone(UTC).date()
        if after is not None:
            reached = after.event_time.astimezone(UTC).date()
            first, last = (first, min(last, reached)) if query.descending else (max(first, reached), last)
        return sorted((d for d in self._hot | self._cold.keys() if first <= d <= last), reverse=query.descending)

    def _day(self, query: TickQuery, day: date, after: TickKey | None, rows: int) -> pa.Table:
        begins = datetime.combine(day, time(0), UTC)
        within = replace(query, start=max(query.start, begins), end=min(query.end, begins + timedelta(days=1)))
        key = after if after is not None and after.event_time.astimezone(UTC).date() == day else None
        parts = [hot_page(self._snapshot, within, key, rows)] if day in self._hot else []
        parts += [self._cold_page(file, within, key, rows) for file in self._cold.get(day, ())]
        parts = [part for part in parts if part.num_rows] or [EMPTY]
        return parts[0] if len(parts) == 1 else _merged(parts, query).slice(0, rows)

    def _cold_page(self, file: ColdFile, query: TickQuery, after: TickKey | None, rows: int) -> pa.Table:
        found: list[pa.Table] = []
        count = 0
        with self._root.opened(file.path) as source:
            for part in _matching(pq.ParquetFile(source), query, after):
                found.append(part.slice(0, rows - count))
                count += part.num_rows
                if count >= rows:
                    break
        return pa.concat_tables(found) if found else EMPTY


def key_of(page: pa.Table) -> TickKey:
    """The key of a page's last row."""
    row = page.slice(page.num_rows - 1).to_pylist()[0]
    return TickKey(*(row[name] for name in ORDER))


def _matching(file: Any, query: TickQuery, after: TickKey | None) -> Iterator[pa.Table]:
    """The rows that match, a row group at a time, in the order that is asked for."""
    numbers = range(file.num_row_groups)
    for number in reversed(numbers) if query.descending else numbers:
        if _may_match(file.metadata.row_group(number), query, after):
            rows = file.read_row_group(number).select(STORED.names).cast(STORED).filter(_condition(query, after))
            if rows.num_rows:
                yield rows.take(pa.array(range(rows.num_rows - 1, -1, -1))) if query.descending else rows


def _may_match(group: Any, query: TickQuery, after: TickKey | None) -> bool:
    bounds = {}
    for at in range(group.num_columns):
        column = group.column(at)
        if column.path_in_schema in {"symbol", "event_time"} and column.is_stats_set and column.statistics.has_min_max:
            bounds[column.path_in_schema] = (column.statistics.min, column.statistics.max)
    low, high = bounds.get("symbol", ("", "\U0010ffff"))
    if query.symbols is not None and not any(low <= symbol <= high for symbol in query.symbols):
        return False
    if after is not None and (low > after.symbol if query.descending else high < after.symbol):
        return False
    first, last = bounds.get("event_time", (query.start, query.start))
    if first >= query.end or last < query.start:
        return False
    is_behind = after is not None and low == high == after.symbol and _is_behind(after, query, first, last)
    return not is_behind


def _is_behind(after: TickKey, query: TickQuery, first: datetime, last: datetime) -> bool:
    return first > after.event_time if query.descending else last < after.event_time


def _condition(query: TickQuery, after: TickKey | None) -> Any:
    found = (pc.field("event_time") >= query.start) & (pc.field("event_time") < query.end)
    if query.symbols is not None:
        found &= pc.field("symbol").isin(list(query.symbols))
    if query.landed_before is not None:
        found &= pc.field("landed_at") < query.landed_before
    return found if after is None else found & _beyond(after, query.descending)


def _beyond(after: TickKey, descending: bool) -> Any:
    found = pc.scalar(False)
    for name, value in reversed(list(zip(ORDER, after, strict=True))):
        column = pc.field(name)
        beyond = column < value if descending else column > value
        found = beyond | ((column == value) & found)
    return found


def _merged(parts: list[pa.Table], query: TickQuery) -> pa.Table:
    direction = "descending" if query.descending else "ascending"
    return pa.concat_tables(parts).sort_by([(name, direction) for name in ORDER])
