"""The processes of a run, each started again when it has died, as a supervisor would."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from orderbook.embedded.process import Process, session_of, wait_until
from orderbook.errors import Unavailable
from tests.faults.chaos.stage import Stage
from tests.processes import SYMBOLS

WORKERS, BEATS, SIMULATORS = ("worker-1", "worker-2"), ("beat-1", "beat-2"), ("simulator-1", "simulator-2")
RESTART_SECONDS = (0.2, 2.0)
FAULTS = "malformed:0.4%,crossed:0.3%,late:0.3%"
JUDGE = "orderbook.ingest.suspect"  # the child that judges a suspect: its end is evidence, so kills spare it


@dataclass
class Crew:
    """Workers, beats and simulators. ``rate``: ticks a second of all simulators together."""

    stage: Stage
    rate: float
    random: random.Random
    planted: str | None = None
    alive: dict[str, Process] = field(default_factory=dict)  # by role
    lives: dict[str, int] = field(default_factory=dict)
    exits: list[str] = field(default_factory=list)
    _due: dict[str, float] = field(default_factory=dict)  # when a dead one starts again

    def keep_alive(self, roles: tuple[str, ...] = (*WORKERS, *BEATS, *SIMULATORS)) -> None:
        """Start what has died a moment ago, or was never started."""
        for role in roles:
            process = self.alive.get(role)
            if process is not None and process.exit_code is None:
                continue
            if role not in self._due:
                first = process is None
                self._due[role] = time.monotonic() + (0 if first else self.random.uniform(*RESTART_SECONDS))
                if not first:
                    self.exits.append(f"{process.command.name} ended with {process.exit_code}")
            elif time.monotonic() > self._due[role]:
                del self._due[role]
                self.alive[role] = self._start(role)

    def _start(self, role: str) -> Process:
        self.lives[role] = self.lives.get(role, 0) + 1
        name, deployment = f"{role}.{self.lives[role]}", self.stage.deployment
        if role in WORKERS:
            planted = {"CHAOS_PLANTED": self.planted} if self.planted else {}
            line = f"celery -A tests.faults.chaos.watched worker -n {name}@%h -c 2"
            crashpoints = str(deployment.folder / "crashpoints")
            return deployment.start(name, line, grace_seconds=65, ORDERBOOK_CRASHPOINTS=crashpoints, **planted)
        if role in BEATS:
            return deployment.beat(name)
        symbols = SYMBOLS.split(",")[SIMULATORS.index(role) :: len(SIMULATORS)]
        interval = len(symbols) * len(SIMULATORS) / self.rate
        sent = deployment.folder / f"{role}.ndjson"
        flags = f"--symbols {','.join(symbols)} --interval {interval} --fault {FAULTS} --ledger {sent} --force"
        return deployment.start(name, f"python -m orderbook.simulator {flags}", grace_seconds=60)

    def children(self, role: str) -> list[psutil.Process]:
        """The pool's processes of a worker, without those that judge a suspect."""
        process = self.alive.get(role)
        if process is None or process.pid is None:
            return []
        with suppress(psutil.Error):
            return [child for child in psutil.Process(process.pid).children() if not _judges(child)]
        return []

    def session(self, role: str) -> list[psutil.Process]:
        """All processes of a role."""
        process = self.alive.get(role)
        if process is None or process.pid is None:
            return []
        return [each for each in session_of(process.pid) if not _judges(each)]

    def signal(self, victims: list[psutil.Process], number: signal.Signals) -> int:
        """Send it to each; returns how many were there."""
        sent = 0
        for victim in victims:
            with suppress(psutil.Error, ProcessLookupError):
                os.kill(victim.pid, number)
                sent += 1
        return sent

    def everybody(self) -> Iterator[psutil.Process]:
        """Every process that was ever started and still lives, zombies of killed parents included."""
        leaders = {p._child.pid for p in self.stage.deployment.running.values() if p._child is not None}
        for process in psutil.process_iter():
            with suppress(ProcessLookupError, PermissionError, psutil.Error):
                if os.getsid(process.pid) in leaders:
                    yield process

    def go_on(self) -> None:
        """Nobody stands still any more."""
        self.signal(list(self.everybody()), signal.SIGCONT)

    def kill_everybody(self) -> None:
        """As if the machine had lost its power."""
        self.signal(list(self.everybody()), signal.SIGKILL)

    def stop_simulators(self) -> list[str]:
        """Stop them as a person would; returns what was wrong with their ends."""
        ending = [self.alive[role] for role in SIMULATORS if role in self.alive]
        for process in ending:
            process.ask_to_stop()
        for process in ending:
            with suppress(Unavailable):  # asked twice, a simulator does not flush
                wait_until(lambda p=process: p.exit_code is not None, process, 60)
            process.kill()
        return [
            f"{p.command.name} ended with {p.exit_code}: {p.last_lines()}" for p in ending if p.exit_code not in {0, -9}
        ]


def _judges(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return JUDGE in " ".join(process.cmdline())
    return False
