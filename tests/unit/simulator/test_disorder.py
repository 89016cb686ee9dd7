"""What goes wrong between ticks: each fault leaves one event, and the events are no more than the faults."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.completeness.chain import ChainFollower
from orderbook.sequence import Section, SequenceEvent
from orderbook.simulator.disorder import Disorder
from orderbook.simulator.faults import Faults, parse_shares
from orderbook.simulator.ledger import Sent
from orderbook.simulator.market import Market
from orderbook.tick import OrderBookTick, decode, microseconds

STALL = 45.0
PATIENCE = 30_000_000  # µs
ALL = "gap:5%,repeat:5%,reorder:5%,reset:2%,stall:1%,malformed:5%,crossed:3%,late:3%"


class Clock:
    """Goes on by a millisecond at each look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


def records(shares: str, count: int, symbols: str = "ABC", seed: int = 1) -> Iterator[Sent]:
    disorder = Disorder(Market(symbols, seed, {}), Faults(parse_shares(shares), seed), STALL)
    clock, left = Clock(), count
    while left:
        sent = disorder.next(clock, most=left)
        if sent is None:
            clock.now += timedelta(seconds=1)
            continue
        left -= 1
        yield sent


def found(sent: list[Sent]) -> list[SequenceEvent]:
    """The events of what is valid, one record a section."""
    followers: dict[str, ChainFollower] = {}
    for offset, record in enumerate(sent):
        if record.fault and record.fault.reason:
            continue
        tick = OrderBookTick.model_validate(decode(record.value))
        assert tick.sequence_id == record.sequence_id
        at = microseconds(tick.event_time)
        follower = followers.setdefault(
            record.symbol, ChainFollower(record.symbol, None, (), lambda a, b: b - a > PATIENCE)
        )
        follower.take(Section(offset, offset, tick.sequence_id, tick.sequence_id, at, at), "+1")
    return [event for follower in followers.values() for event in follower.found.values()]


def refused(sent: list[Sent]) -> Iterator[tuple[str, tuple[int, int]]]:
    """The ids that validation refuses, neighbours together, where a valid record follows."""
    waiting: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for record in sent:
        if record.fault and record.fault.reason:
            waiting[record.symbol].append(record.sequence_id)
            continue
        ids = waiting.pop(record.symbol, None)
        if ids and record.symbol in seen:
            yield record.symbol, (ids[0], ids[-1])
        seen.add(record.symbol)


def kind_of(event: SequenceEvent) -> str:
    return "reorder" if event.kind == "gap" and not event.missing else event.kind


@given(st.integers(0, 2**32), st.sampled_from(["A", "AB", "ABCDE"]))
def test_each_fault_is_one_event_and_no_event_is_without_a_fault(seed: int, symbols: str) -> None:
    sent = list(records(ALL, 600, symbols, seed))
    injected = [(s.symbol, s.fault.kind, s.fault.ids) for s in sent if s.fault and s.fault.ids]
    expected = sorted([*injected, *((symbol, "gap", ids) for symbol, ids in refused(sent))])
    assert sorted((e.symbol, kind_of(e), (e.first, e.last)) for e in found(sent)) == expected


def test_all_kinds_come_in_about_their_shares() -> None:
    sent = list(records("gap:5%,repeat:5%,reorder:5%,reset:5%,stall:5%", 4_000))
    counts = {kind: sum(s.fault is not None and s.fault.kind == kind for s in sent)
              for kind in ("gap", "repeat", "reorder", "reset", "stall")}  # fmt: skip
    assert all(100 < count < 220 for count in counts.values()), counts


def test_two_that_change_places_follow_each_other() -> None:
    sent = list(records("reorder:50%", 300))
    late = [n for n, record in enumerate(sent) if record.fault]
    assert late
    for n in late:
        assert (sent[n - 1].symbol, sent[n - 1].sequence_id) == (sent[n].symbol, sent[n].sequence_id + 1)


def test_a_stalled_symbol_leaves_its_turns_to_the_others() -> None:
    disorder = Disorder(Market("AB", 1, {}), Faults(parse_shares("stall:100%"), 1), STALL)
    clock = Clock()
    assert [sent and sent.symbol for sent in (disorder.next(clock, most=9) for _ in range(4))] == ["A", "B", None, None]
    clock.now += timedelta(seconds=STALL)
    after = [disorder.next(clock, most=9) for _ in range(2)]
    ids = {s.symbol: (s.sequence_id, s.fault.ids) for s in after if s and s.fault}
    assert ids == {"A": (2, (1, 2)), "B": (2, (1, 2))}


@pytest.mark.parametrize("shares", ["", "malformed:30%"])
def test_without_disorder_turns_and_ids_are_the_market_s(shares: str) -> None:
    assert [(s.symbol, s.sequence_id) for s in records(shares, 300)] == [("ABC"[n % 3], n // 3 + 1) for n in range(300)]
