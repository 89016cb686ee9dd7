"""Sequence ids judged in sections, against an oracle that sees every tick, for any cut of the log."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.completeness.chain import ChainFollower, added, may_go_back
from orderbook.sequence import Chain, Rule, Section, SequenceEvent, without
from tests.unit.completeness.oracle import Events, Found, Oracle, Tick

PATIENCE = 10


def sections(ticks: Sequence[Tick], rule: Rule) -> list[Section]:
    """As a landing would cut them, one tick at a time."""
    found: list[list[Tick]] = []
    for tick in ticks:
        before = found[-1][-1] if found else None
        if before is not None and tick.time - before.time <= PATIENCE and _goes_on(before.id, tick.id, rule):
            found[-1].append(tick)
        else:
            found.append([tick])
    return [
        Section(run[0].offset, run[-1].offset, run[0].id, run[-1].id, run[0].time, max(t.time for t in run))
        for run in found
    ]


def _goes_on(before: int, now: int, rule: Rule) -> bool:
    return {"+1": now == before + 1, "increasing": now > before, "none": True}[rule]


class Store:
    """What the database does with what a follower finds."""

    def __init__(self) -> None:
        self.chain: Chain | None = None
        self.events: dict[tuple[str, int], SequenceEvent] = {}

    def take(self, found: list[Section], rule: Rule) -> None:
        epoch = self.chain.epoch_offset if self.chain else -1
        gaps = [e for e in self.events.values() if e.missing and e.epoch_offset == epoch]
        follower = ChainFollower("X", self.chain, gaps if may_go_back(self.chain, found) else (), _stalled)
        for section in found:
            follower.take(section, rule)
        self.chain = follower.chain
        for key, event in follower.found.items():
            self.events[key] = added(self.events[key], event) if key in self.events else event
        for offset, gap in follower.changed.items():
            self.events["gap", offset] = gap


def _stalled(before: int, after: int) -> bool:
    return after - before > PATIENCE


def judged(ticks: Sequence[Tick], rule: Rule, cuts: Iterable[int] = ()) -> dict[tuple[str, int], SequenceEvent]:
    store, edges = Store(), [0, *sorted(cuts), len(ticks)]
    for start, end in pairwise(edges):
        store.take(sections(ticks[start:end], rule), rule)
    return store.events


def expected(ticks: Sequence[Tick], rule: Rule) -> Events:
    oracle = Oracle(rule, PATIENCE)
    for tick in ticks:
        oracle.take(tick)
    return oracle.events


def plain(event: SequenceEvent) -> Found:
    missing = {n for first, last in event.missing for n in range(first, last + 1)}
    return Found(event.first, event.last, event.count, missing)


steps = st.one_of(
    st.tuples(st.just(1), st.integers(0, 3)),  # the next id, a little later
    st.tuples(st.integers(-8, 8), st.integers(-4, 14)),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Tick]:
    number, at, found = 20, 1000, []
    for offset, (step, seconds) in enumerate(draw(st.lists(steps, max_size=40))):
        number, at = max(number + step, 0), at + seconds
        found.append(Tick(offset * 3, number, at))
    return found


@pytest.mark.parametrize("rule", ["+1", "increasing", "none"])
@given(ticks=logs(), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_any_cut_of_the_log_finds_what_the_oracle_finds(rule: Rule, ticks: list[Tick], cuts: list[int]) -> None:
    found = judged(ticks, rule, [min(cut, len(ticks)) for cut in cuts])
    assert {key: plain(event) for key, event in found.items()} == expected(ticks, rule)
    whole = judged(ticks, rule)
    assert found == whole  # times and places too


def at_pace(*ids: int) -> list[Tick]:
    """Ticks one after another, each of a new instant."""
    return [Tick(offset, number, offset) for offset, number in enumerate(ids)]


def brief(found: dict[tuple[str, int], SequenceEvent]) -> list[tuple[str, int, int, int, int]]:
    return [
        (e.kind, e.first, e.last, e.count, e.missing_count) for _, e in sorted(found.items(), key=lambda i: i[0][1])
    ]


@pytest.mark.parametrize(
    ("ids", "events"),
    [
        ((1, 2, 3), []),
        ((1, 2, 5, 6), [("gap", 3, 4, 2, 2)]),
        ((1, 2, 2, 3), [("repeat", 2, 2, 1, 0)]),
        ((1, 2, 4, 3, 5), [("gap", 3, 3, 1, 0)]),
        ((1, 2, 8, 4, 5, 9), [("gap", 3, 7, 5, 3)]),
        ((5, 4, 6), [("reset", 5, 4, 1, 0), ("gap", 5, 5, 1, 1)]),
        ((7, 8, 1, 2, 3), [("reset", 8, 1, 1, 0)]),
    ],
)
def test_ids_that_go_on_by_one(ids: tuple[int, ...], events: list[tuple[str, int, int, int, int]]) -> None:
    assert brief(judged(at_pace(*ids), "+1")) == events


def test_an_older_time_makes_a_replay_of_what_would_be_a_reset() -> None:
    first = at_pace(*range(1, 101))
    again = [Tick(tick.offset + 100, tick.id, tick.time) for tick in first]
    assert brief(judged([*first, *again], "+1")) == [("repeat", 1, 100, 100, 0)]


def test_ids_that_only_rise_have_no_gaps() -> None:
    assert brief(judged(at_pace(1, 900, 901, 5_000_000), "increasing")) == []
    assert brief(judged(at_pace(1, 900, 900, 950), "increasing")) == [("repeat", 900, 900, 1, 0)]


def test_silence_is_a_stall_whatever_the_rule() -> None:
    ticks = [Tick(0, 1, 0), Tick(1, 2, 5), Tick(2, 3, 40)]
    for rule in ("+1", "increasing", "none"):
        (event,) = judged(ticks, rule).values()
        assert (event.kind, event.after_time, event.time) == ("stall", 5, 40)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=5), st.integers(0, 40), st.integers(0, 8))
def test_without_takes_away_just_those_ids(spans: list[tuple[int, int]], first: int, length: int) -> None:
    intervals, at = [], 0
    for skip, size in spans:
        intervals.append((at + skip, at + skip + size))
        at += skip + size + 2
    whole = {n for a, b in intervals for n in range(a, b + 1)}
    left = without(intervals, first, first + length)
    assert {n for a, b in left for n in range(a, b + 1)} == whole - set(range(first, first + length + 1))


def test_an_event_that_goes_on_keeps_where_it_began() -> None:
    (event,) = judged(at_pace(1, 2, 3, 3), "+1").values()
    assert added(event, replace(event, first=4, last=9, count=6, time=99)) == replace(event, last=9, count=7)
