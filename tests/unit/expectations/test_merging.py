"""Sorted streams merged: the order of a plain sort, every row once, however they are cut and however many tie."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from orderbook.expectations.merging import ORDER, merged
from orderbook.store.rows.tick_stream import SCHEMA
from tests.unit.expectations.rows import AT, batch_of, row

ROWS = st.lists(
    st.tuples(st.sampled_from("AB\x7f~"), st.integers(0, 4), st.integers(0, 3)),  # many of one instant
    max_size=40,
)


def key(one: dict[str, Any]) -> Any:
    return tuple(one[name] for name in ORDER)


def cut(rows: list[dict[str, Any]], sizes: list[int]) -> list[pa.RecordBatch]:
    parts, rest = [], rows
    for size in sizes:
        parts.append(batch_of(rest[:size]))  # an empty one now and then
        rest = rest[size:]
    return [*parts, batch_of(rest)]


@given(st.lists(st.tuples(ROWS, st.lists(st.integers(0, 12), max_size=6)), max_size=4))
def test_streams_come_merged_in_the_order_in_which_ticks_are_judged(
    drawn: list[tuple[list[tuple[str, int, int]], list[int]]],
) -> None:
    streams, everything = [], []
    offset = 1_000
    for values, sizes in drawn:
        rows = []
        for symbol, second, sequence in values:
            offset -= 1  # against the order of the sequence ids
            at = AT + timedelta(seconds=second)
            rows.append(row(symbol=symbol, event_time=at, sequence_id=sequence, kafka_offset=offset))
        rows.sort(key=lambda one: (one["symbol"], one["event_time"], one["kafka_offset"]))
        streams.append(cut(rows, sizes))
        everything += rows
    found = [one for batch in merged(streams, SCHEMA) for one in batch.to_pylist()]
    assert found == sorted(everything, key=key)


def test_no_more_than_a_batch_of_each_stream_is_held() -> None:
    taken = {"A": 0, "B": 0}

    def stream(symbol: str) -> Any:
        for number in range(50):
            taken[symbol] += 1
            yield batch_of([row(symbol=symbol, event_time=AT + timedelta(seconds=number))])

    for count, _ in enumerate(merged([stream("A"), stream("B")], SCHEMA)):
        assert taken["A"] <= count + 2
        assert count > 48 or taken["B"] == 1, "B waits until A is through"
    assert taken == {"A": 50, "B": 50}
