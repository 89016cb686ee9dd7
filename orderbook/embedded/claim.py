"""Who uses a data folder: one ``orderbook up`` at a time, and what a killed one left running."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from orderbook.embedded.folder import MARK, DataFolder, write_private
from orderbook.embedded.process import Process, session_of
from orderbook.errors import AlreadyRunning

CLOCK_SECONDS = 2.0  # a start time is computed from the boot time, which a clock correction moves
ORPHAN_GRACE_SECONDS = 20.0


@contextmanager
def claimed(folder: DataFolder) -> Iterator[None]:
    """Hold the folder. Raises ``AlreadyRunning``, naming the holder, where another process does.

    The kernel lets go of the lock when its holder dies, however it dies.
    """
    with folder.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(_in_use(folder.path, lock.read())) from None
        lock.seek(0)
        lock.truncate()
        json.dump({"pid": os.getpid(), "started": datetime.now(UTC).isoformat(timespec="seconds")}, lock)
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def _in_use(path: Path, text: str) -> str:
    try:
        holder = json.loads(text)
        who = f"`orderbook up` with pid {holder['pid']}, started {holder['started']}"
        way_out = f"stop that one (Ctrl-C there, or kill {holder['pid']})"
    except (ValueError, KeyError):
        who, way_out = "another `orderbook up`", "stop that one"
    return f"{path} is in use by {who}: {way_out}, or choose another --data-dir"


@dataclass(frozen=True, slots=True)
class Started:
    """A child as it is remembered on disk. A pid alone names nobody: pids come again."""

    name: str
    pid: int
    started: float
    stop_signal: int


def remember(folder: DataFolder, processes: Iterable[Process]) -> None:
    """Write down what runs, in the order it is to be stopped in."""
    found = []
    for process in processes:
        with suppress(psutil.Error):
            if (pid := process.pid) is not None:
                started = psutil.Process(pid).create_time()
                found.append(Started(process.command.name, pid, started, int(process.command.stop_signal)))
    write_private(folder.processes, json.dumps([asdict(each) for each in found]) + "\n")


def stop_orphans(folder: DataFolder) -> list[str]:
    """Stop what a killed ``up`` left in this folder; the names of those that still ran."""
    try:
        remembered = [Started(**each) for each in json.loads(folder.processes.read_text())]
    except (OSError, ValueError, TypeError):
        remembered = []
    stopped = [each.name for each in remembered if _stop(each, folder)]
    folder.processes.unlink(missing_ok=True)
    return stopped + _stop_strangers(folder)


def _stop_strangers(folder: DataFolder) -> list[str]:
    """Stop what bears this folder's mark and nobody remembers: its ``up`` was killed as soon as it had started it."""
    every = psutil.process_iter(["name"])
    left = [process for process in every if process.pid != os.getpid() and _is_marked(process, folder)]
    names = [process.info["name"] for process in left]
    for process in left:
        with suppress(psutil.Error):
            # Postgres waits for its clients on SIGTERM; its own children end with it
            process.send_signal(signal.SIGINT if process.info["name"] == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(left, ORPHAN_GRACE_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, ORPHAN_GRACE_SECONDS)
    return names


def _stop(orphan: Started, folder: DataFolder) -> bool:
    leader = _living(orphan)
    if leader is None and psutil.pid_exists(orphan.pid):
        return False  # the pid is somebody else's by now
    if leader is not None:
        with suppress(psutil.Error):
            leader.send_signal(signal.Signals(orphan.stop_signal))
            leader.wait(ORPHAN_GRACE_SECONDS)
    left = [member for member in session_of(orphan.pid) if member.pid == orphan.pid or _is_marked(member, folder)]
    for member in left:
        with suppress(psutil.Error):
            member.kill()
    deadline = time.monotonic() + ORPHAN_GRACE_SECONDS
    psutil.wait_procs(left, max(0.0, deadline - time.monotonic()))
    return leader is not None or bool(left)


def _living(orphan: Started) -> psutil.Process | None:
    try:
        process = psutil.Process(orphan.pid)
        is_same = abs(process.create_time() - orphan.started) < CLOCK_SECONDS
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _is_marked(process: psutil.Process, folder: DataFolder) -> bool:
    try:
        return process.environ().get(MARK) == str(folder.path)
    except psutil.Error:
        return False
