"""Counting the offsets of files into ranges, beside those of Postgres."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orderbook.archive.recount import _add
from orderbook.store.ledger.recount import Recount

BASE = 100
offsets = st.lists(st.integers(BASE, BASE + 59), max_size=40)


def counted(hot: list[int], cold: list[int], starts: list[int]) -> dict[int, Recount]:
    """By the definition: rows, distinct offsets and the last one, of each range."""
    found = {}
    for offset in {*hot, *cold}:
        bucket = sum(start <= offset for start in starts) - 1
        inside = [o for o in (*hot, *cold) if sum(start <= o for start in starts) - 1 == bucket]
        found[bucket] = Recount(len(inside), 0, len(set(inside)), max(inside))
    return found


@given(offsets, offsets, st.sets(st.integers(BASE - 10, BASE + 60), min_size=1))
def test_ranges_count_the_rows_of_files_and_of_postgres_and_what_is_in_both(
    hot: list[int], cold: list[int], edges: set[int]
) -> None:
    starts = sorted(edges)
    seen = np.zeros(60, np.uint8)
    np.add.at(seen, np.array(cold, np.int64) - BASE, 1)
    found = counted(hot, [], starts)
    _add(found, np.array(starts, np.int64), BASE, seen, np.array(hot, np.int64))
    assert found == counted(hot, cold, starts)
