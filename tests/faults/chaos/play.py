"""One run: draws actions from a seed, undoes them when it is time, and keeps a timeline of both."""

import heapq
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orderbook.embedded.process import SIGKILL
from tests.faults.chaos.crew import Crew
from tests.faults.chaos.stage import SERVERS, Stage

LOOK_SECONDS = 0.05


@dataclass
class Play:
    """The state of a run. Actions (``actions.py``) take it as their argument."""

    stage: Stage
    crew: Crew
    random: random.Random
    kills: int = 0
    busy: set[str] = field(default_factory=set)  # what is wounded already
    timeline: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _later: list[tuple[float, int, str, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count = field(default_factory=itertools.count)  # type: ignore[type-arg]

    def note(self, text: str) -> None:
        """A line of the timeline."""
        self.timeline.append(f"{time.monotonic() - self.began:8.2f}  {text}")

    def kill(self, victims: list, what: str) -> None:
        """SIGKILL them, and count."""
        sent = self.crew.signal(victims, SIGKILL)
        self.kills += bool(sent)
        self.note(f"kill {what}: {[victim.pid for victim in victims]}")

    def later(self, seconds: float, what: str, undo: Callable[[], None]) -> None:
        """Undo something in a while, or when the run heals."""
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), what, undo))

    def occupy(self, name: str, seconds: float, undo: Callable[[], None]) -> None:
        """Nothing else wounds ``name`` until ``undo`` has run."""
        self.busy.add(name)

        def free() -> None:
            undo()
            self.busy.discard(name)

        self.later(seconds, f"end of {name}", free)

    def act(
        self, actions: dict[Callable[["Play"], object], float], until: Callable[[], bool], pause: tuple[float, float]
    ) -> None:
        """Draw and play actions until told to end."""
        drawn = time.monotonic() + self.random.uniform(*pause)
        while not until():
            self.pass_time()
            if time.monotonic() > drawn:
                (action,) = self.random.choices([*actions], [*actions.values()])
                action(self)
                drawn = time.monotonic() + self.random.uniform(*pause)

    def pass_time(self) -> None:
        """Let what is due happen; processes that died start again."""
        self.crew.keep_alive()
        while self._later and self._later[0][0] < time.monotonic():
            self._undo_next()
        time.sleep(LOOK_SECONDS)

    def _undo_next(self) -> None:
        _, _, what, undo = heapq.heappop(self._later)
        self.note(what)
        undo()

    def heal(self) -> None:
        """Undo all that is pending, start every server, wait until they serve."""
        while self._later:
            self._undo_next()
        for proxy in self.stage.proxies.values():
            proxy.heal()
        for name in SERVERS:
            if self.stage.fleet.running[name].exit_code is not None:
                self.note(f"{name} had ended by itself")
                self.stage.start_server(name)
        deadline = time.monotonic() + 120
        while not all(self.stage.serves(name) for name in SERVERS):
            assert time.monotonic() < deadline, "a server does not come back"
            self.pass_time()
        self.note("healed")
