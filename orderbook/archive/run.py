"""A whole run: every day that is due, one at a time, and the record of how it went."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from orderbook.archive.freeze import Archiver, Frozen, Progress
from orderbook.archive.root import Root
from orderbook.clock import monotonic
from orderbook.config import Settings
from orderbook.errors import Refused, Unavailable
from orderbook.store import manifest
from orderbook.store.database import engine_for


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a day. ``problem`` is None where it was frozen."""

    day: date
    rows: int
    size_bytes: int
    path: str | None
    seconds: float
    problem: str | None


@contextmanager
def archive_engine(settings: Settings, progress: Progress) -> Iterator[tuple[Engine, Root, Archiver]]:
    """The archiver's connections, the root, and an archiver that does not hold its lock yet."""
    engine = engine_for(settings.database, "archiver", name="orderbook-archive")
    try:
        root = Root(settings.archive)
        yield engine, root, Archiver(engine, root, attempts=settings.archive.attempts, progress=progress)
    finally:
        engine.dispose()


def due(engine: Engine, settings: Settings, day: date | None) -> list[date]:
    """The days that a run would freeze: one that was named, or all that are due. Raises ``Refused`` for a wrong one."""
    options = settings.archive
    with engine.connect() as connection:
        if day is None:
            return manifest.due_days(
                connection, settings.database.hot_days, options.restored_days * 86_400, options.late_quiet_seconds
            )
        hot, over = manifest.is_hot(connection, day)
    if not over:
        raise Refused(f"{day} is not over yet (days are UTC)")
    if not hot:
        raise Refused(f"Postgres has no rows of {day}: orderbook archive ls --date {day}")
    return [day]


def run(
    engine: Engine, archiver: Archiver, days: Sequence[date], *, seconds: float, each: Callable[[Outcome], None]
) -> list[Outcome]:
    """Freeze the days, oldest first; one that cannot be is told and passed over. None begins after ``seconds``.

    Raises ``AlreadyRunning`` where another archiver is at work.
    """
    began = monotonic()
    outcomes: list[Outcome] = []
    with archiver.alone():
        number = manifest.begin_run(engine)
        try:
            for day in days:
                if monotonic() - began > seconds:
                    break
                outcomes.append(freeze_one(archiver, day))
                each(outcomes[-1])
        finally:
            done = [outcome for outcome in outcomes if outcome.problem is None]
            problems = [f"{outcome.day}: {outcome.problem}" for outcome in outcomes if outcome.problem is not None]
            rows = sum(outcome.rows for outcome in done)
            manifest.end_run(engine, number, days=len(done), rows=rows, problem="; ".join(problems) or None)
    return outcomes


def freeze_one(archiver: Archiver, day: date) -> Outcome:
    """Freeze a day and say what became of it; the archiver holds its lock."""
    try:
        frozen: Frozen | None = archiver.freeze(day)
    except (Refused, Unavailable) as error:
        return Outcome(day, 0, 0, None, 0, str(error))
    if frozen is None:
        return Outcome(day, 0, 0, None, 0, "its rows change, or a reader holds it: the next run tries again")
    return Outcome(day, frozen.rows, frozen.size_bytes, frozen.path, frozen.seconds, None)
