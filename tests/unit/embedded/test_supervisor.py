"""What dies is started again, later each time; what is stopped is stopped in order."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orderbook.embedded.folder import DataFolder
from orderbook.embedded.process import Command
from orderbook.embedded.supervisor import STOP_ORDER, RestartPolicy, Supervisor

Eventually = Callable[..., None]


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def supervisor(tmp_path: Path, clock: Clock) -> Iterator[Supervisor]:
    folder = DataFolder(tmp_path)
    folder.make()
    made = Supervisor(folder, RestartPolicy(first_seconds=1, longest_seconds=30, forgive_seconds=60), clock=clock)
    yield made
    made.stop(lambda: True, lambda name: None)


def command(name: str, *arguments: str) -> Command:
    return Command(name, arguments, {"PATH": os.defpath}, grace_seconds=5)


def test_the_delay_doubles_up_to_a_limit() -> None:
    policy = RestartPolicy(first_seconds=1, longest_seconds=30)
    assert [policy.delay(failures) for failures in (1, 2, 3, 6, 1000)] == [1, 2, 4, 30, 30]


def test_who_dies_is_started_again_when_due(supervisor: Supervisor, clock: Clock, eventually: Eventually) -> None:
    child = supervisor.start(command("beat", "false"), "false")
    eventually(supervisor.tend)
    assert (child.state, child.last_exit, child.due_at) == ("waiting", 1, clock.now + 1)
    supervisor.tend()
    assert child.restarts == 0
    clock.now += 1
    supervisor.tend()
    assert child.restarts == 1
    eventually(supervisor.tend)
    assert child.due_at == clock.now + 2


def test_a_long_life_is_forgiven(supervisor: Supervisor, clock: Clock, eventually: Eventually) -> None:
    child = supervisor.start(command("beat", "false"), "false")
    child.failures = 5
    clock.now += 61
    eventually(supervisor.tend)
    assert child.failures == 1


def test_what_cannot_be_started_is_tried_again(supervisor: Supervisor, clock: Clock, eventually: Eventually) -> None:
    def full() -> Command:
        raise OSError("no space left on device")

    child = supervisor.start(command("kafka", "false"), "Kafka", full)
    eventually(supervisor.tend)
    clock.now += 1
    supervisor.tend()
    assert (child.state, child.failures) == ("waiting", 2)


def test_the_feed_stops_first_and_the_servers_last(supervisor: Supervisor) -> None:
    for name in ("valkey", "kafka", "postgres", "worker", "flower", "exporter", "simulator", "beat"):
        supervisor.start(command(name, "sleep", "60"), name)
    stopped: list[str] = []
    children = list(supervisor.children)
    supervisor.stop(lambda: False, stopped.append)
    assert stopped == [name for name in STOP_ORDER if name != "api"]
    assert all(child.process.exit_code is not None for child in children)


def test_an_urgent_stop_does_not_wait(supervisor: Supervisor, eventually: Eventually) -> None:
    child = supervisor.start(command("worker", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"), "x")
    eventually(lambda: child.process.last_lines() == "up")
    supervisor.stop(lambda: True, lambda name: None)
    assert child.process.exit_code == -9
