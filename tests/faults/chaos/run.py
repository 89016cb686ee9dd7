"""A whole run, from an empty stage to the verdict; what it leaves behind when it fails."""

import json
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg2

from tests.faults.chaos import verdict
from tests.faults.chaos.actions import SCHEDULED, WEIGHTED
from tests.faults.chaos.crew import Crew
from tests.faults.chaos.play import Play
from tests.faults.chaos.stage import Stage, stage
from tests.faults.chaos.watcher import Watcher
from tests.processes import ROOT

ARTIFACTS = ROOT / "tests" / "artifacts"
MUST_BE_SEEN = (
    "takeover",
    "suspect",
    "given back",
    "hint sent again",
    "lock busy",
    "hint without work",
)
RARE = ("lost a race", "connection ended by the drainer")  # in one of several long runs
LONG_SECONDS = 240  # from here on all of it must be seen
START_SECONDS = 60.0
RETRY_SECONDS = 5.0
# ranges are small, so that many are on their way at any time
RANGES = {"ORDERBOOK_DRAIN__MAX_OFFSETS": "400"}


@dataclass(frozen=True, slots=True)
class Policy:
    """How long and how hard."""

    seconds: float = 60
    rate: float = 1200  # ticks a second, while Kafka is there
    pause: tuple[float, float] = (0.3, 2.0)  # seconds between two actions
    least_records: int = 10_000  # in half a minute, of which Kafka may be away for more than half
    must_be_seen: tuple[str, ...] = ("hint sent again", "hint without work")  # MUST_BE_SEEN where it is long
    settings: tuple[tuple[str, str], ...] = ()  # environment of the processes


@dataclass
class Outcome:
    """What came of it. ``violations`` is empty where the promise held."""

    seed: int
    violations: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    records: int = 0
    looks: int = 0
    seconds: float = 0
    settled_seconds: float = 0
    timeline: list[str] = field(default_factory=list)
    folder: Path | None = None  # of the artefacts, where it failed


def run(
    seed: int,
    policy: Policy,
    *,
    planted: str | None = None,
    actions: dict[Callable[[Play], object], float] = WEIGHTED,
    progress: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """One seed. A planted bug ends the run as soon as the watcher has seen it."""
    outcome, began = Outcome(seed), time.monotonic()
    draws = random.Random(seed)
    with stage(**RANGES, **dict(policy.settings)) as made:
        (made.deployment.folder / "crashpoints").mkdir()
        play = Play(made, Crew(made, policy.rate, draws, planted), draws)
        with Watcher(made.deployment) as watcher:
            try:
                _play(play, watcher, policy, actions, outcome, progress, ends_early=planted is not None)
            except Exception as error:  # the run itself broke: its artefacts tell why
                outcome.violations.append(f"the run broke: {error!r}")
                raise
            finally:
                _rescue(play)
                outcome.violations += watcher.violations[:50]
                outcome.looks, outcome.kills = watcher.looks, play.kills
                outcome.timeline, outcome.seconds = play.timeline, time.monotonic() - began
                if outcome.violations:
                    outcome.folder = keep(outcome, made)
    return outcome


def _play(
    play: Play,
    watcher: Watcher,
    policy: Policy,
    actions: dict[Callable[[Play], object], float],
    outcome: Outcome,
    progress: Callable[[str], None],
    *,
    ends_early: bool,
) -> None:
    _overlay(play.stage)
    started = time.monotonic()
    while len(play.stage.deployment.prefix()) < 6:
        assert time.monotonic() - started < START_SECONDS, play.stage.deployment.logs()[-4000:]
        play.pass_time()
    play.note("everything runs")
    ends_at = time.monotonic() + policy.seconds
    if policy.seconds >= LONG_SECONDS:
        for share, action in SCHEDULED:
            _schedule(play, action, share * policy.seconds, ends_at)
    play.act(actions, lambda: time.monotonic() > ends_at or (ends_early and bool(watcher.violations)), policy.pause)
    play.heal()
    if ends_early and watcher.violations:
        return
    progress(f"seed {outcome.seed}: healed after {play.kills} kills")
    settling = time.monotonic()
    outcome.violations += verdict.stop_and_settle(play)
    outcome.settled_seconds = time.monotonic() - settling
    outcome.violations += verdict.findings(play)
    outcome.seen = dict(verdict.seen(play))
    (outcome.records,) = play.stage.deployment.rows(
        "SELECT (SELECT count(*) FROM ticks) + (SELECT count(*) FROM quarantine)"
    )[0]
    if outcome.records < policy.least_records:
        outcome.violations.append(f"only {outcome.records} records: too few to prove anything")
    missing = [what for what in policy.must_be_seen if not outcome.seen.get(what)]
    if missing:
        outcome.violations.append(f"never seen: {', '.join(missing)}; seen: {dict(outcome.seen)}")


def _schedule(play: Play, action: Callable[[Play], bool], seconds: float, ends_at: float) -> None:
    def act() -> None:
        if time.monotonic() < ends_at and not action(play):
            _schedule(play, action, RETRY_SECONDS, ends_at)

    play.later(seconds, f"now {action.__name__}", act)


def _overlay(made: Stage) -> None:
    with psycopg2.connect(made.deployment.database_url) as connection, connection.cursor() as cursor:
        cursor.execute((Path(__file__).parent / "seen.sql").read_text())
    connection.close()


def _rescue(play: Play) -> None:
    # whatever happened, the stage can only be taken down where all its servers are up and nobody stands still
    play.crew.go_on()
    play.heal()


def keep(outcome: Outcome, made: Stage) -> Path:
    """Seed, timeline, ledger and logs, to be looked at."""
    folder = ARTIFACTS / f"chaos-{outcome.seed}-{time.strftime('%H%M%S')}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in [*made.deployment.folder.glob("*.log"), *made.fleet.folder.path.glob("logs/*")]:
        shutil.copy(path, folder)
    told = asdict(outcome) | {"folder": str(folder)}
    (folder / "outcome.json").write_text(json.dumps(told, indent=2, default=str))
    with (folder / "ledger.txt").open("w") as ledger:
        for table in ("partition_cursor", "offset_range", "alarm", "chaos_seen"):
            ledger.write(f"-- {table}\n")
            ledger.writelines(f"{row}\n" for row in made.deployment.rows(f"SELECT * FROM {table} ORDER BY 1, 2"))
    return folder
