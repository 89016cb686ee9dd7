"""Which finished ranges become one row."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.store.ledger.merge import Finished, runs


def finished(start: int, end: int, version: str = "1") -> Finished:
    return Finished(start, start, end, end - start, 0, 0, None, version)


def spans(found: list[Finished]) -> list[list[tuple[int, int]]]:
    return [[(r.start, r.end) for r in run] for run in runs(found)]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], []),
        ([finished(0, 5)], []),
        ([finished(0, 5), finished(5, 9)], [[(0, 5), (5, 9)]]),
        ([finished(0, 5), finished(6, 9)], []),
        ([finished(0, 5), finished(5, 6), finished(7, 8), finished(8, 9)], [[(0, 5), (5, 6)], [(7, 8), (8, 9)]]),
        ([finished(0, 5), finished(5, 6, "2"), finished(6, 7, "2")], [[(5, 6), (6, 7)]]),
        ([finished(0, 1), finished(1, 2), finished(2, 3, "2")], [[(0, 1), (1, 2)]]),
    ],
)
def test_neighbours_that_touch_and_share_a_version_are_one_run(
    ranges: list[Finished], expected: list[list[tuple[int, int]]]
) -> None:
    assert spans(ranges) == expected


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4), st.sampled_from("12")), max_size=20))
def test_runs_are_whole_and_as_long_as_they_can_be(steps: list[tuple[int, int, str]]) -> None:
    found, at = [], 0
    for gap, size, version in steps:
        found.append(finished(at + gap, at + gap + size, version))
        at += gap + size
    grouped = list(runs(found))
    assert all(len(run) > 1 for run in grouped)
    assert [r for run in grouped for r in run] == [r for r in found if any(r in run for run in grouped)]
    for run in grouped:
        assert all(a.end == b.start and a.version == b.version for a, b in pairwise(run))
    merged_away = sum(len(run) - 1 for run in grouped)
    touching = sum(a.end == b.start and a.version == b.version for a, b in pairwise(found))
    assert merged_away == touching
