"""Cutting stretches into frames: nothing twice, nothing left out, nothing early, wherever a run was left."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.api.reel import FRAME_ITEMS, Place, Reel, notice
from orderbook.remote.events import Event, Parser
from orderbook.replay.source import Stretch

RUN = "0123456789ab"
BASE = 1_767_600_000_000_000


def item(number: int) -> str:
    return f'"tick":{{"symbol":"A","bid_price":{number}.5,"ask_price":null,"sequence_id":{number}}}'


def stretches(steps: list[int], cuts: set[int]) -> list[Stretch]:
    """Items at the running sums of ``steps``, cut where the instant changes."""
    times = [BASE + sum(steps[: at + 1]) for at in range(len(steps))]
    edges = [0, *sorted(at for at in cuts if 0 < at < len(times) and times[at] != times[at - 1]), len(times)]
    items = [item(at) for at in range(len(times))]
    return [Stretch(times[a:b], items[a:b]) for a, b in pairwise(edges) if b > a]


def events(frame: bytes) -> list[Event]:
    parser = Parser()
    return [found for line in frame.decode().splitlines() if (found := parser.take(line)) is not None]


def sequences(found: list[Event]) -> list[int]:
    return [record["sequence_id"] for one in found if one.kind == "ticks" for record in one.content["ticks"]]


def played(reel: Reel, source: list[Stretch], step: float) -> list[tuple[float, Event]]:
    """Every event with the elapsed time of its frame, the clock moving by ``step``."""
    found, elapsed = [], 0.0
    for stretch in source:
        if stretch.times[-1] < (reel.resumed.at if reel.resumed else 0):
            continue  # a resumed run reads from its instant on
        reel.load(stretch)
        while not reel.is_through:
            found += [(elapsed, one) for one in events(reel.frame(elapsed))]
            if not reel.is_through and reel.wait_seconds(elapsed) > 0:
                elapsed += max(step, 1e-6)
    return found


STEPS = st.lists(st.sampled_from([0, 0, 0, 1_000, 50_000]), min_size=1, max_size=60)


@given(STEPS, st.sets(st.integers(0, 60)), st.sampled_from([None, 0.1, 1.0, 1000.0]), st.data())
def test_a_run_that_is_left_after_any_event_goes_on_with_the_next_item(
    steps: list[int], cuts: set[int], speed: float | None, data: st.DataObject
) -> None:
    source = stretches(steps, cuts)
    whole = [one for _, one in played(Reel(RUN, speed), source, 0.05)]
    assert sequences(whole) == list(range(len(steps)))
    left = data.draw(st.integers(0, len(whole) - 1))
    rest = [one for _, one in played(Reel(RUN, None, Place.read(whole[left].id)), source, 0.05)]
    assert sequences(whole[: left + 1] + rest) == list(range(len(steps)))


@given(STEPS, st.floats(0.1, 1000), st.floats(0.001, 0.5))
def test_nothing_is_early_and_all_that_is_due_is_sent(steps: list[int], speed: float, step: float) -> None:
    source = stretches(steps, set())
    times = source[0].times
    for elapsed, one in played(Reel(RUN, speed), source, step):
        for number in sequences([one]):
            due = (times[number] - times[0]) / 1e6 / speed
            assert due - 1e-6 <= elapsed <= due + step + 1e-6


def test_a_frame_is_never_longer_than_what_the_loop_can_spare() -> None:
    reel = Reel(RUN, None)
    (stretch,) = stretches([0] * (2 * FRAME_ITEMS + 1), set())
    reel.load(stretch)
    assert [len(sequences(events(reel.frame(0)))) for _ in range(3)] == [FRAME_ITEMS, FRAME_ITEMS, 1]
    assert reel.is_through
    assert reel.frame(0) == b""


def test_prices_become_text_digit_by_digit_whatever_a_symbol_is_called() -> None:
    symbol = json.dumps('",bid_price":7')
    text = f'"tick":{{"symbol":{symbol},"bid_price":-12.500000001,"ask_price":0,"bid_volume":null,"sequence_id":3}}'
    reel = Reel(RUN, None)
    reel.load(Stretch([BASE], [text]))
    (one,) = events(reel.frame(0))
    assert one.content == {
        "run": RUN,
        "ticks": [
            {"symbol": '",bid_price":7', "bid_price": "-12.500000001", "ask_price": "0", "bid_volume": None,
             "sequence_id": 3, "ticks": 1, "run": RUN},
        ],
        "skipped": 0,
    }  # fmt: skip
    assert Decimal(one.content["ticks"][0]["bid_price"]) == Decimal("-12.500000001")


def test_gaps_keep_their_place_among_the_ticks_and_each_event_its_own_id() -> None:
    gap = '"gap":{"symbol":"A","kind":"gap","first":2,"last":3,"after_time":"","event_time":"2026-01-05T08:00:00Z"}'
    reel = Reel(RUN, None)
    reel.load(Stretch([BASE, BASE, BASE], [item(1), gap, item(4)]))
    found = events(reel.frame(0))
    assert [(one.kind, one.id) for one in found] == [
        ("ticks", f"{RUN}-{BASE}-1"), ("gap", f"{RUN}-{BASE}-2"), ("ticks", f"{RUN}-{BASE}-3"),
    ]  # fmt: skip
    assert (reel.ticks, reel.gaps, found[1].content["after_time"], found[1].content["seconds"]) == (2, 1, None, None)


def test_a_gap_says_how_long_it_took() -> None:
    found = json.loads(
        notice(
            '"gap":{"symbol":"A","kind":"gap","first":2,"last":3,"after_time":"2026-01-05T08:00:00.250000Z",'
            '"event_time":"2026-01-05T08:00:01.000000Z"}',
            RUN,
        )
    )
    assert (found["seconds"], found["first_sequence"], found["last_sequence"], found["run"]) == (0.75, 2, 3, RUN)


@pytest.mark.parametrize(
    "text", ["", "gone-1-1", "0123456789AB-1-1", "0123456789ab-1", "0123456789ab--1-1", f"{RUN}-1-1x"]
)
def test_an_id_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the id"):
        Place.read(text)


def test_an_id_is_read_as_it_was_written() -> None:
    assert Place.read(str(Place(RUN, BASE, 7))) == Place(RUN, BASE, 7)
    assert Place.read(f"{RUN}-end") is None
