"""A whole pipeline over proxied servers that a test wounds in one way, and how long it takes to be well again."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orderbook.embedded.process import Process
from tests.faults.chaos import verdict
from tests.faults.chaos.crew import Crew
from tests.faults.chaos.play import Play
from tests.faults.chaos.stage import stage
from tests.processes import reaches

RATE = 300.0


@dataclass(frozen=True)
class Scene:
    """Two workers, two beats, two simulators. Nothing happens unless the test passes time."""

    play: Play

    def for_seconds(self, seconds: float) -> None:
        """What is wrong goes on being wrong; the dead are started again."""
        ends_at = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > ends_at, seconds + 60, "time passes")

    def until(self, condition, seconds: float, what: str) -> float:
        """Wait for it while the dead are started again; returns how long it took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
            self.play.pass_time()
        return time.monotonic() - began

    def worker(self, role: str) -> Process:
        """The worker of that role, once it takes tasks: before that, a signal just ends it."""
        self.until(lambda: self._takes_tasks(role), 60, f"{role} takes tasks")
        return self.play.crew.alive[role]

    def _takes_tasks(self, role: str) -> bool:
        process = self.play.crew.alive.get(role)
        return process is not None and process.pid is not None and " ready." in process.log.read_text(errors="replace")

    def serves(self) -> None:
        """Start every server that is not there; returns once all serve."""
        self.play.heal()

    def assert_recovers(self, what: str, within: float) -> float:
        """The prefix passes what is the end of the log now; returns and prints how long that took."""
        ends = self.play.stage.deployment.ends()
        took = self.until(lambda: reaches(self.play.stage.deployment.prefix(), ends), within, f"recovery from {what}")
        print(f"\n{what}: the prefix passed the end after {took:.1f} s")
        return took

    def rss_megabytes(self) -> dict[str, float]:
        """The largest process of each role."""
        return {
            role: max(p.memory_info().rss for p in self.play.crew.session(role)) / 2**20
            for role in self.play.crew.alive
        }

    def lines(self) -> dict[str, Counter[str]]:
        """How often each event stands in each process' log, ticks of the simulator's screen apart."""
        found = {}
        for path in self.play.stage.deployment.folder.glob("*.log"):
            events = (_event(line) for line in path.read_text(errors="replace").splitlines())
            found[path.stem] = Counter(event for event in events if event)
        return found


def _event(line: str) -> str | None:
    if not line.startswith("{"):
        return None
    said = json.loads(line)
    return str(said["event"])[:60] if said["level"] != "info" else None


@contextmanager
def scene(rate: float = RATE) -> Iterator[Scene]:
    """Everything runs and lands; at the end all that was sent must be stored as it was sent."""
    draws = random.Random(1)
    with stage() as made:
        (made.deployment.folder / "crashpoints").mkdir()
        (made.deployment.folder / "crashpoints").chmod(0o755)
        played = Scene(Play(made, Crew(made, rate, draws), draws))
        played.until(lambda: reaches(made.deployment.prefix(), dict.fromkeys(range(6), 50)), 90, "all partitions land")
        try:
            yield played
            wrong = [*verdict.stop_and_settle(played.play), *verdict.findings(played.play)]
            wrong += verdict.task_errors(made.deployment.logs())
            assert wrong == []
        finally:
            played.play.crew.go_on()
            played.play.heal()
