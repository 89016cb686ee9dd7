"""Following finished ranges: every offset is shown once, in whatever order ranges finish."""

from hypothesis import given
from hypothesis import strategies as st

from orderbook.store.rows.tick_tail import Shown

PIECES = st.permutations(list(range(12))).map(lambda order: [(n * 10, n * 10 + 10) for n in order])


@given(PIECES)
def test_every_offset_is_shown_once_in_any_order(pieces: list[tuple[int, int]]) -> None:
    shown, seen = Shown(0), []
    for start, end in pieces:
        for first, last in shown.add(start, end):
            seen += range(first, last)
    assert sorted(seen) == list(range(120))
    assert (shown.floor, shown.above) == (120, [])


@given(PIECES, st.integers(0, 120), st.integers(1, 120))
def test_a_merged_range_shows_only_what_is_new(pieces: list[tuple[int, int]], start: int, length: int) -> None:
    shown = Shown(0)
    known = {offset for piece in pieces[:5] for first, last in shown.add(*piece) for offset in range(first, last)}
    new = [offset for first, last in shown.add(start, start + length) for offset in range(first, last)]
    assert sorted(new) == [offset for offset in range(start, start + length) if offset not in known]


def test_what_lies_below_the_floor_is_never_shown() -> None:
    assert Shown(15).add(0, 20) == [(15, 20)]
