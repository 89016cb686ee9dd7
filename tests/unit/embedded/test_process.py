"""Child processes: tied to their parent, stopped by their pid."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from orderbook.embedded.process import Command, Process, run_to_end, session_of, wait_until
from orderbook.errors import Unavailable

Eventually = Callable[..., None]
ENVIRONMENT = {"PATH": os.defpath}


@contextmanager
def running(tmp_path: Path, *arguments: str, grace_seconds: float = 5) -> Iterator[Process]:
    command = Command("child", arguments, ENVIRONMENT, grace_seconds=grace_seconds)
    process = Process(command, tmp_path / "child.log")
    process.start()
    try:
        yield process
    finally:
        process.kill()


def test_a_child_leads_a_session_of_its_own(tmp_path: Path) -> None:
    with running(tmp_path, "sleep", "60") as child:
        assert child.pid is not None
        assert os.getsid(child.pid) == child.pid


def test_stopping_asks_first(tmp_path: Path, eventually: Eventually) -> None:
    with running(tmp_path, "sh", "-c", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.1; done") as child:
        eventually(lambda: child.last_lines() == "up")
        child.stop()
        assert child.exit_code == 7
        assert child.last_lines(1) == "bye"


def test_who_does_not_listen_is_killed_with_its_whole_session(tmp_path: Path, eventually: Eventually) -> None:
    with running(tmp_path, "sh", "-c", "trap '' TERM; echo up; sleep 60 & wait", grace_seconds=0.1) as child:
        eventually(lambda: child.last_lines() == "up")
        leader = child.pid
        assert leader is not None
        child.stop()
        assert child.exit_code == -signal.SIGKILL
        eventually(lambda: not [p for p in session_of(leader) if p.status() != psutil.STATUS_ZOMBIE])


def test_a_log_is_appended_to(tmp_path: Path, eventually: Eventually) -> None:
    for _ in range(2):
        with running(tmp_path, "echo", "once") as child:
            eventually(lambda process=child: process.exit_code == 0)
    assert (tmp_path / "child.log").read_text() == "once\nonce\n"


def test_a_log_that_grows_is_set_aside_while_its_process_writes(tmp_path: Path, eventually: Eventually) -> None:
    with running(tmp_path, "sh", "-c", "while :; do echo line; sleep 0.01; done") as child:
        eventually(lambda: child.log.stat().st_size > 20)
        child.bound_log(20)
        assert (tmp_path / "child.log.1").read_text().startswith("line\nline\n")
        eventually(lambda: child.log.read_text().startswith("line\n"))


def test_waiting_ends_with_the_log_when_the_process_ends(tmp_path: Path) -> None:
    with (
        running(tmp_path, "sh", "-c", "echo the disk is full; exit 3") as child,
        pytest.raises(Unavailable, match=r"ended with 3(.|\n)*the disk is full"),
    ):
        wait_until(lambda: False, child, seconds=10)


def test_waiting_has_a_deadline(tmp_path: Path) -> None:
    with running(tmp_path, "sleep", "60") as child, pytest.raises(Unavailable, match="not ready after"):
        wait_until(lambda: False, child, seconds=0.05)


def test_a_short_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"making ended with 4:\nno room"):
        run_to_end(Command("making", ["sh", "-c", "echo no room >&2; exit 4"], ENVIRONMENT))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part is Linux'; elsewhere the next `up` cleans up")
def test_a_child_dies_with_its_killed_parent(tmp_path: Path, eventually: Eventually) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from orderbook.embedded.process import *\n"
            f"child = Process(Command('child', ['sleep', '60'], {ENVIRONMENT!r}), Path({str(tmp_path / 'log')!r}))\n"
            "child.start(); print(child.pid, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        eventually(lambda: child.name() == "sleep")
        parent.kill()
        eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
