"""Keeps child processes running: what dies is started again, later each time; stops them in order."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from orderbook.embedded.claim import remember
from orderbook.embedded.folder import DataFolder
from orderbook.embedded.process import POLL_SECONDS, Command, Process
from orderbook.errors import OrderbookError

STOP_ORDER = ("simulator", "beat", "worker", "flower", "exporter", "api", "kafka", "postgres", "valkey")

State = Literal["running", "waiting", "stopped"]


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How long to wait before starting a dead process again."""

    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    forgive_seconds: float = 60.0  # who lived this long begins anew

    def delay(self, failures: int) -> float:
        """Seconds before the restart after this many deaths in a row."""
        doubled: float = self.first_seconds * 2 ** min(failures - 1, 16)
        return min(doubled, self.longest_seconds)


@dataclass
class Supervised:
    """A process that is to run, and its story so far. ``prepare`` says anew what to start: it may mend its files."""

    process: Process
    text: str
    prepare: Callable[[], Command] | None = None
    restarts: int = 0
    failures: int = 0
    started_at: float = 0.0
    due_at: float | None = None  # when it is started again
    last_exit: int | None = None

    @property
    def name(self) -> str:
        return self.process.command.name

    @property
    def state(self) -> State:
        if self.due_at is not None:
            return "waiting"
        return "running" if self.process.pid is not None else "stopped"


@dataclass
class Supervisor:
    """The children of one ``up``, each remembered on disk: the next ``up`` finds what this one could not stop."""

    folder: DataFolder
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    children: list[Supervised] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic

    def start(self, command: Command, text: str, prepare: Callable[[], Command] | None = None) -> Supervised:
        """Start a child and keep it running from now on."""
        child = Supervised(Process(command, self.folder.log(command.name)), text, prepare, started_at=self.clock())
        child.process.start()
        self.children.append(child)
        self.children.sort(key=lambda each: STOP_ORDER.index(each.name))
        self._remember()
        return child

    def tend(self) -> list[Supervised]:
        """Look after every child once: note who died, start again who is due. Returns those that died."""
        died = [child for child in self.children if child.due_at is None and child.process.exit_code is not None]
        for child in died:
            self._note_death(child)
        for child in self.children:
            child.process.bound_log()
            if child.due_at is not None and child.due_at <= self.clock():
                self._restart(child)
        return died

    def stop(self, is_urgent: Callable[[], bool], told: Callable[[str], None]) -> None:
        """Stop all in order, each with its grace, or all at once from the moment that ``is_urgent`` says so."""
        while self.children:
            child = self.children.pop(0)
            told(child.name)
            child.process.ask_to_stop()
            deadline = self.clock() + child.process.command.grace_seconds
            while child.process.pid is not None and self.clock() < deadline and not is_urgent():
                time.sleep(POLL_SECONDS)
            child.process.kill()
            self._remember()

    def _note_death(self, child: Supervised) -> None:
        child.last_exit = child.process.exit_code
        if self.clock() - child.started_at > self.policy.forgive_seconds:
            child.failures = 0
        child.failures += 1
        child.due_at = self.clock() + self.policy.delay(child.failures)
        child.process.kill()  # what it left in its session would fight the new one

    def _restart(self, child: Supervised) -> None:
        try:
            command = child.prepare() if child.prepare is not None else child.process.command
            process = Process(command, child.process.log)
            process.start()
        except (OrderbookError, OSError):  # a full disk, no memory to fork: the next try may find better times
            child.failures += 1
            child.due_at = self.clock() + self.policy.delay(child.failures)
            return
        child.process = process
        child.due_at, child.started_at = None, self.clock()
        child.restarts += 1
        self._remember()

    def _remember(self) -> None:
        remember(self.folder, (child.process for child in self.children))
