"""Several sorted streams of ticks as one. Pure; of each stream it holds a batch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

ORDER: Final = ("symbol", "event_time", "sequence_id", "generation_id", "kafka_partition", "kafka_offset")
_SORTED: Final = [(name, "ascending") for name in ORDER]
_Instant = tuple[Any, Any]  # symbol, event time


@dataclass(slots=True)
class _Source:
    coming: Iterator[pa.RecordBatch]
    rows: pa.Table
    ended: bool = False

    @property
    def last(self) -> _Instant:
        return self.rows["symbol"][-1], self.rows["event_time"][-1]

    def read(self) -> None:
        """Take in the next batch that has rows; note the end."""
        for batch in self.coming:
            if batch.num_rows:
                self.rows = pa.concat_tables([self.rows, pa.table(batch)])
                return
        self.ended = True

    def before(self, bound: _Instant) -> pa.Table:
        """Give up the rows that come before all of an instant."""
        symbol, at = bound
        symbols, times = self.rows["symbol"], self.rows["event_time"]
        earlier = pc.or_(pc.less(symbols, symbol), pc.and_(pc.equal(symbols, symbol), pc.less(times, at)))
        count = pc.sum(earlier).as_py() or 0
        found, self.rows = self.rows.slice(0, count), self.rows.slice(count)
        return found


def merged(streams: Sequence[Iterable[pa.RecordBatch]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all streams in ``ORDER``.

    Each stream comes by symbol and event time; what is of one instant may come in any order, but fits into memory.
    """
    sources = [_Source(iter(stream), schema.empty_table()) for stream in streams]
    for source in sources:
        source.read()
    while open_sources := [source for source in sources if not source.ended]:
        slowest = min(open_sources, key=lambda source: _plain(source.last))
        bound = slowest.last
        yield from _sorted([source.before(bound) for source in sources])
        slowest.read()
    yield from _sorted([source.rows for source in sources])


def _plain(instant: _Instant) -> tuple[bytes, int]:
    return instant[0].as_py().encode(), instant[1].value


def _sorted(parts: Sequence[pa.Table]) -> Iterator[pa.RecordBatch]:
    there = [part for part in parts if part.num_rows]
    if not there:
        return
    rows = pa.concat_tables(there)
    if len(there) > 1 or _has_ties(rows):
        rows = rows.sort_by(_SORTED)
    yield from rows.combine_chunks().to_batches()


def _has_ties(rows: pa.Table) -> bool:
    same = [pc.equal(rows[name].slice(1), rows[name].slice(0, rows.num_rows - 1)) for name in ORDER[:2]]
    return bool(pc.any(pc.and_(*same)).as_py())
