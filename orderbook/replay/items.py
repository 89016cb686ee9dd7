"""Items as a column of text: made, hashed and written without an object for each.

As a list of 200,000 texts a stretch costs three times as much to make and to send.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, overload

import pyarrow as pa
import pyarrow.compute as pc

TICK: Final = '"tick":'
GAP: Final = '"gap":'
NUMBERS: Final = ("bid_price", "ask_price", "bid_volume", "ask_volume")
_INSTANT: Final = pa.timestamp("us")


class Items(Sequence[str]):
    """Texts that are objects only where they are looked at."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        found: Any = self._column[at]
        text: str | list[str] = found.to_pylist() if isinstance(at, slice) else found.as_py()
        return text

    def __iter__(self) -> Iterator[str]:
        for chunk in self._column.chunks:
            yield from chunk.to_pylist()

    def gaps(self) -> int:
        """How many are notices of gaps."""
        return pc.sum(pc.starts_with(self._column, GAP)).as_py() or 0

    def lines(self, before: str, after: str) -> Iterator[bytes | memoryview]:
        """Each text between ``before`` and ``after``, one behind the other."""
        for chunk in self._column.chunks:
            if len(chunk):
                _, ends, text = pc.binary_join_element_wise(before, chunk, after, "").buffers()
                yield memoryview(text)[: memoryview(ends).cast("i")[len(chunk)]]


def lines(items: Sequence[str], before: str, after: str) -> Iterator[bytes | memoryview]:
    """Each item between ``before`` and ``after``, one behind the other, in pieces."""
    if isinstance(items, Items):
        yield from items.lines(before, after)
    elif items:
        yield f"{before}{(after + before).join(items)}{after}".encode()


def gaps(items: Sequence[str]) -> int:
    """How many of the items are notices of gaps."""
    return items.gaps() if isinstance(items, Items) else sum(item.startswith(GAP) for item in items)


def tick_items(rows: pa.Table) -> Items:
    """Ticks as items. Times are microseconds since 1970, prices and volumes decimals as text, symbols escaped."""
    return Items(pa.chunked_array([_texts(batch) for batch in rows.to_batches()], pa.string()))


def _texts(rows: pa.RecordBatch) -> Any:
    parts = [f'{TICK}{{"symbol":"', rows["symbol"]]
    parts += ['","event_time":"', _time(rows["event_time"]), 'Z","received_time":"', _time(rows["received_time"]), 'Z"']
    for name in NUMBERS:
        parts += [f',"{name}":', pc.coalesce(_number(rows[name]), "null")]
    parts += [',"sequence_id":', pc.cast(rows["sequence_id"], pa.string()), "}"]
    return pc.binary_join_element_wise(*parts, "")


def _time(column: Any) -> Any:
    return pc.binary_replace_slice(pc.cast(pc.cast(column, _INSTANT), pa.string()), 10, 11, "T")


def _number(column: Any) -> Any:
    return pc.ascii_rtrim(pc.ascii_rtrim(column, "0"), ".")  # nine decimals: there is a point
