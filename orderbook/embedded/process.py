"""One child process: in its own session, with a log file, killed with its parent, stopped by its pid."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from orderbook.embedded import tie
from orderbook.embedded.account import Account
from orderbook.errors import Unavailable

SIGINT, SIGKILL, SIGTERM = signal.SIGINT, signal.SIGKILL, signal.SIGTERM
POLL_SECONDS = 0.02
LOG_BYTES = 20 * 2**20  # a worker writes this in three hours


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, and how it is ended."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    stop_signal: signal.Signals = SIGTERM
    grace_seconds: float = 10
    # what the kernel sends when the parent dies: the polite signal where there is state to flush, else SIGKILL
    orphan_signal: signal.Signals = SIGTERM
    account: Account | None = None
    folder: Path | None = None  # its working directory; default: ours


def tied(command: Command) -> list[str]:
    """The arguments that become the command, as its account, tied to this process."""
    account, number = command.account, int(command.orphan_signal)
    ids = [str(account.uid), str(account.gid)] if account else ["-", "-"]
    # -I -S: 15 ms, and nothing of the environment's Python settings
    shim = [sys.executable, "-I", "-S", str(Path(tie.__file__)), str(number), str(os.getpid()), *ids]
    return [*shim, *command.arguments]


def run_to_end(command: Command) -> None:
    """Run a short command that makes something. Raises ``Unavailable`` with its output when it fails."""
    done = subprocess.run(
        tied(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=dict(command.environment),
        cwd=command.folder,
        start_new_session=True,
    )
    if done.returncode != 0:
        raise Unavailable(f"{command.name} ended with {done.returncode}:\n{done.stdout}{done.stderr}".rstrip())


@dataclass
class Process:
    """A running or ended ``Command``. Start it from the main thread: Linux ends it with the thread that started it."""

    command: Command
    log: Path
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Launch it; returns at once. Its output is appended to the log."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                tied(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.command.environment),
                cwd=self.command.folder,
                start_new_session=True,  # a terminal's Ctrl-C must not reach Postgres before the workers
            )

    @property
    def pid(self) -> int | None:
        """Its pid while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or before it was started."""
        return self._child.poll() if self._child is not None else None

    def ask_to_stop(self) -> None:
        """Send its stop signal."""
        self._signal(self.command.stop_signal)

    def kill(self) -> None:
        """End it and its session at once."""
        child, self_pid = self._child, self.pid
        if child is None:
            return
        if self_pid is not None:
            self._signal(SIGKILL)
            child.wait()
        for left in session_of(child.pid):
            with suppress(psutil.Error):
                left.kill()

    def stop(self) -> None:
        """Ask, wait for its grace, then kill what is left of its session. Returns when it is gone."""
        self.ask_to_stop()
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(self.command.grace_seconds)
        self.kill()

    def bound_log(self, most: int = LOG_BYTES) -> None:
        """Set a log that has grown too large aside as ``NAME.log.1``, in the place of the one before."""
        with suppress(OSError):  # a full disk; the next look may find room
            if self.log.stat().st_size > most:
                # copied and emptied: the process goes on writing to the file it has
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)

    def last_lines(self, count: int = 5) -> str:
        """The end of its log, for an error message."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 4096))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
        except OSError:
            return ""

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.poll() is None:
            with suppress(ProcessLookupError):
                self._child.send_signal(number)


def wait_until(
    condition: Callable[[], bool], process: Process, seconds: float, pause: Callable[[float], None] = time.sleep
) -> None:
    """Return once the condition holds.

    Raises ``Unavailable`` with the end of its log when the process ends first, or after ``seconds``; and whatever
    ``pause``, called between two looks, raises.
    """
    name, deadline = process.command.name, time.monotonic() + seconds
    while not condition():
        if process.exit_code is not None:
            raise Unavailable(f"{name} ended with {process.exit_code}; see {process.log}:\n{process.last_lines()}")
        if time.monotonic() > deadline:
            raise Unavailable(f"{name} is not ready after {seconds:g} s; see {process.log}:\n{process.last_lines()}")
        pause(POLL_SECONDS)


def session_of(leader: int) -> Iterator[psutil.Process]:
    """What still runs in the session that this pid led."""
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(process.pid) == leader and process.pid != os.getpid():
                yield process
