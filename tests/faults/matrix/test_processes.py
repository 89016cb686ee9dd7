"""Workers and beats asked to stop, stopped, starved: what they held is taken over."""

import os
import resource
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from redis import Redis

from tests.faults.chaos.crew import BEATS, WORKERS
from tests.faults.matrix.scene import Scene, scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

HELD = "SELECT id, holder_pid FROM offset_range WHERE state = 'planned' AND holder_pid IS NOT NULL"
TURNS = 50
WARM_STOP_SECONDS = 60


@pytest.fixture(scope="module")
def played() -> Iterator[Scene]:
    with scene(rate=600) as made:
        yield made


def test_fifty_polite_stops_under_load_lose_nothing_and_end_in_time(played: Scene) -> None:
    took = []
    for turn in range(TURNS):
        process = played.worker(WORKERS[turn % 2])
        began = time.monotonic()
        process.ask_to_stop()
        played.until(lambda p=process: p.exit_code is not None, WARM_STOP_SECONDS, "a worker stops when asked")
        took.append(time.monotonic() - began)
        assert process.exit_code == 0, process.last_lines()
    print(f"\n{TURNS} warm stops: median {statistics.median(took):.1f} s, longest {max(took):.1f} s")
    played.assert_recovers(f"{TURNS} warm stops", within=90)


def test_a_cold_stop_under_load_costs_one_lease_at_most(played: Scene) -> None:
    for turn in range(10):
        process = played.worker(WORKERS[turn % 2])
        os.kill(process.pid, signal.SIGQUIT)  # waits for its tasks, up to 50 s
        played.for_seconds(0.5)
        if process.exit_code is None:
            os.kill(process.pid, signal.SIGQUIT)  # waits for nothing
        played.until(lambda p=process: p.exit_code is not None, WARM_STOP_SECONDS, "a worker ends at SIGQUIT")
    played.assert_recovers("ten cold stops", within=90)


def test_what_a_stopped_worker_holds_is_taken_over(played: Scene) -> None:
    took = []
    for turn in range(6):
        place = ("after_fetch", "after_copy")[turn % 2]  # with no transaction, and inside the landing's
        stopped, held, began = _stop_with_a_range(played, place)
        ids = ", ".join(str(number) for number in held)
        done = f"SELECT bool_and(state = 'done') FROM offset_range WHERE id IN ({ids})"
        played.until(lambda d=done: played.play.stage.deployment.rows(d)[0][0], 60, "it is taken over")
        took.append(time.monotonic() - began)
        played.play.crew.signal(stopped, signal.SIGCONT)
    print(f"\ntakeover from a stopped worker: median {statistics.median(took):.1f} s, longest {max(took):.1f} s")
    played.assert_recovers("stopped workers", within=60)


def _stop_with_a_range(played: Scene, place: str):
    """Have one child stand still at a crashpoint, and stop the rest of its worker."""
    crew, deployment = played.play.crew, played.play.stage.deployment
    for role in WORKERS:
        played.worker(role)
    (deployment.folder / "crashpoints" / f"{place}.stop").touch()
    found = []

    def stands_still() -> bool:
        found[:] = [role for role in WORKERS if any(_is_stopped(process) for process in crew.children(role))]
        return bool(found)

    played.until(stands_still, 60, f"a worker stands still {place}")
    began, stopped = time.monotonic(), crew.session(found[0])
    crew.signal(stopped, signal.SIGSTOP)
    held = {number for number, _ in deployment.rows(HELD)}
    played.for_seconds(2)  # the other worker lands its own
    held &= {number for number, _ in deployment.rows(HELD)}
    assert held
    return stopped, held, began


def _is_stopped(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_STOPPED)
    return False


def test_a_beat_that_stands_still_for_a_minute_makes_no_storm(played: Scene) -> None:
    stopped = [process for role in BEATS for process in played.play.crew.session(role)]
    played.play.crew.signal(stopped, signal.SIGSTOP)
    played.for_seconds(60)
    played.play.crew.signal(stopped, signal.SIGCONT)
    with Redis.from_url(played.play.stage.servers.redis_url) as direct:
        for _ in range(10):
            played.for_seconds(0.3)
            assert direct.llen("drain") < 20
    played.assert_recovers("a beat stopped for 60 s", within=60)


def test_without_file_descriptors_tasks_fail_cleanly(played: Scene) -> None:
    pools = [child for role in WORKERS for child in played.play.crew.children(role)]
    before = {child.pid: resource.prlimit(child.pid, resource.RLIMIT_NOFILE) for child in pools}
    for child in pools:
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (child.num_fds(), before[child.pid][1]))
    refused = "Too many open files"
    played.until(lambda: refused in played.play.stage.deployment.logs(), 60, "a process wants one more")
    played.for_seconds(20)
    for child in pools:
        if child.is_running():
            resource.prlimit(child.pid, resource.RLIMIT_NOFILE, before[child.pid])
    played.assert_recovers("no file descriptor left", within=90)
