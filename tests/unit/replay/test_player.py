"""Playing the past against a clock that a test moves."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.errors import ConfigError
from orderbook.replay.player import Played, parse_speed, play, schedule
from orderbook.replay.sinks import Lines
from orderbook.replay.source import Stretch, merged


class Simulated:
    """A clock that only waiting moves, and a sink that notes when it was sent what."""

    def __init__(self, stop_after: int | None = None, cost: float = 0.0) -> None:
        self.now = 100.0
        self.sent: list[tuple[float, str]] = []
        self.finished = False
        self._stop_after = stop_after
        self._cost = cost

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self._stop_after is None or len(self.sent) < self._stop_after

    def send(self, items: list[str]) -> None:
        self.now += self._cost
        self.sent += [(self.now, item) for item in items]

    def finish(self) -> None:
        self.finished = True


def stretch(*times: int) -> Stretch:
    return Stretch(list(times), [f'"tick":{{"n":{at}}}' for at in times])


def played(world: Simulated, speed: float | None, *stretches: Stretch) -> Played:
    return play(stretches, world, speed, clock=world.clock, wait=world.wait)


def test_items_are_sent_at_their_distances_across_stretches() -> None:
    world = Simulated()
    done = played(world, 1.0, stretch(5_000_000, 5_250_000, 5_250_000), stretch(8_000_000))
    assert [at for at, _ in world.sent] == [100.0, 100.25, 100.25, 103.0]
    assert (done.ticks, done.gaps, done.last, done.late(0.99)) == (4, 0, 8_000_000, 0.0)
    assert world.finished


@given(st.lists(st.integers(0, 10**9), min_size=1), st.floats(0.1, 1000))
def test_a_speed_divides_every_distance(times: list[int], speed: float) -> None:
    times.sort()
    world = Simulated()
    played(world, speed, stretch(*times))
    assert [at - 100 for at, _ in world.sent] == pytest.approx([(at - times[0]) / 1e6 / speed for at in times])


def test_unpaced_nothing_waits() -> None:
    world = Simulated()
    played(world, None, stretch(0, 10**12), stretch(10**13))
    assert {at for at, _ in world.sent} == {100.0}


def test_what_fell_behind_is_sent_at_once_and_the_error_is_told() -> None:
    world = Simulated(cost=0.5)
    done = played(world, 1.0, stretch(0, 100_000, 200_000, 5_000_000))
    assert [round(at - 100, 3) for at, _ in world.sent] == [0.5, 1.0, 1.5, 5.5]
    assert [round(error, 3) for error in done.errors] == [0.5, 0.9, 1.3, 0.5]
    assert done.late(1.0) == pytest.approx(1.3)


@given(st.lists(st.integers(0, 1_000), min_size=1), st.integers(0, 1_000), st.floats(0.1, 1000))
def test_the_hash_is_of_the_items_and_neither_of_stretches_nor_of_the_speed(
    times: list[int], cut: int, speed: float
) -> None:
    times.sort()
    cut %= len(times)
    whole = played(Simulated(), None, stretch(*times))
    parts = [part for part in (stretch(*times[:cut]), stretch(*times[cut:])) if part.times]
    assert played(Simulated(), speed, *parts).sha256 == whole.sha256
    assert played(Simulated(), None, stretch(*times, 2_000)).sha256 != whole.sha256


def test_a_replay_that_is_stopped_tells_only_of_what_was_sent() -> None:
    world = Simulated(stop_after=2)
    done = played(world, 1.0, stretch(0, 1, 2, 3), stretch(4))
    assert done.ticks == len(world.sent) == 2
    assert done.sha256 == played(Simulated(), None, stretch(0, 1)).sha256
    assert done.last == 1


def test_gaps_are_counted_apart() -> None:
    done = played(Simulated(), None, Stretch([1, 2], ['"gap":{}', '"tick":{}']))
    assert (done.ticks, done.gaps) == (1, 1)


def test_nothing_to_replay_is_fine() -> None:
    done = played(Simulated(), 1.0)
    assert (done.ticks, done.last, done.seconds) == (0, None, 0.0)


def test_each_line_is_one_json_object_with_its_run() -> None:
    file = io.BytesIO()
    sink = Lines(file, "r1")
    sink.send(['"tick":{"n":1}', '"gap":{"n":2}'])
    sink.send([])
    sink.send(['"tick":{"n":3}'])
    assert [json.loads(line) for line in file.getvalue().splitlines()] == [
        {"run": "r1", "tick": {"n": 1}}, {"run": "r1", "gap": {"n": 2}}, {"run": "r1", "tick": {"n": 3}},
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "speed"), [("1", 1), ("0.1", 0.1), ("x10", 10), ("1000", 1000), ("max", None)])
def test_a_speed_is_read(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "0.09", "1001", "-1", "fast", "nan", ""])
def test_a_speed_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--speed"):
        parse_speed(text)


def test_a_schedule_can_be_read_without_sending() -> None:
    due = list(schedule([stretch(0, 0, 1_000_000), stretch(3_000_000)], 2.0))
    assert [(one.seconds, one.at, len(one.items)) for one in due] == [(0, 0, 2), (0.5, 10**6, 1), (1.5, 3 * 10**6, 1)]
    assert [one.seconds for one in schedule([stretch(0, 5), stretch(9)], None)] == [0, 0]


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_gaps_come_before_the_ticks_of_their_instant_and_none_is_left_out(ticks: list[int], gaps: list[int]) -> None:
    one, other = (Stretch(sorted(times), [f"{kind}{at}" for at in sorted(times)]) for times, kind in
                  ((ticks, "tick"), (gaps, "gap")))  # fmt: skip
    found = merged(one, other)
    assert found.times == sorted(ticks + gaps)
    assert found.items == sorted(one.items + other.items, key=lambda item: (item[-1], item))
