"""The quality subprocess: ``python -m orderbook.expectations.child due|last-hour|YYYY-MM-DD``.

It judges one window, or those that are due, keeps what it found in Postgres, and writes the ids of the runs to standard
output. Limits it sets itself, so they hold whoever starts it and whatever becomes of that one: memory by the kernel,
time by a watch that needs no cooperation of the code it ends. One at a time, by an advisory lock.
"""

import faulthandler
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from functools import cache
from importlib.metadata import version
from types import FrameType
from typing import Final

import structlog
from sqlalchemy import Engine

from orderbook.clock import utc_now
from orderbook.config import Settings, settings
from orderbook.crashpoints import crashpoint
from orderbook.errors import ConfigError, OutOfTime, Unavailable
from orderbook.expectations.inspection import Inspected, Inspection, inspect
from orderbook.expectations.judge import Judge, Unjudged, require_library
from orderbook.expectations.launch import UNREACHABLE, USAGE
from orderbook.expectations.window import Schedule, Window, due
from orderbook.logs import configure
from orderbook.profiles import load_profiles
from orderbook.store.database import engine_for
from orderbook.store.expectation_runs import FinishedRun, alone, list_runs, save
from orderbook.store.reader import Reader
from orderbook.store.readers.window import read_facts

log = structlog.get_logger(__name__)

LEAST_PRIORITY: Final = 10  # landing comes first
_GRACE_SECONDS: Final = 15.0  # from the end of the time, for the run to say so, to the end of the process


class TimeIsUp(BaseException):
    """The run took longer than the settings allow. No ``Exception``: the library takes those for a metric's own."""


def main(arguments: list[str]) -> int:
    """Judge what is asked for; the exit code is one of the above."""
    config = settings()
    configure(config.log_level, config.log_format)
    _limit(config)
    try:
        require_library()
        ids = _run(config, arguments[0])
    except ConfigError as error:
        sys.stderr.write(f"orderbook: {error}\n")
        return USAGE
    except Unavailable as error:
        sys.stderr.write(f"orderbook: {' '.join(str(error).split())}\n")
        return UNREACHABLE
    sys.stdout.write(json.dumps(ids) + "\n")
    return 0


def _limit(config: Settings) -> None:
    os.nice(LEAST_PRIORITY)
    if sys.platform == "linux":  # elsewhere the kernel does not count it
        most = config.expectations.memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, config.expectations.seconds)
    faulthandler.dump_traceback_later(config.expectations.seconds + _GRACE_SECONDS, exit=True)


def _time_is_up(_number: int, _frame: FrameType | None) -> None:
    raise TimeIsUp("it took longer than ORDERBOOK_EXPECTATIONS__SECONDS allows")


def _run(config: Settings, wanted: str) -> list[int]:
    engine = engine_for(config.database, "ingest", name="orderbook-expectations")
    patience = 0 if wanted == "due" else config.expectations.seconds / 2
    try:
        with alone(engine, patience) as is_alone:
            if not is_alone:
                return []  # who has the lock judges what is due
            judge = cache(Judge)  # made within the first run: what its import meets is told there
            return [_judged(config, engine, judge, window) for window in _windows(config, wanted)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        engine.dispose()


def _windows(config: Settings, wanted: str) -> list[Window]:
    if wanted == "last-hour":
        return [Window.of_last_hour(utc_now())]
    if wanted != "due":
        return [Window.of_day(date.fromisoformat(wanted))]
    options = config.expectations
    schedule = Schedule(timedelta(seconds=options.interval_seconds), timedelta(seconds=options.day_after_seconds))
    with Reader(config.database) as reader, reader.snapshot() as connection:
        hours, days = list_runs(connection, scope="hour"), list_runs(connection, scope="day", limit=100)
    judged = [run.window_start for run in days if run.outcome != "error" and run.started_at >= run.window_end]
    return due(utc_now(), hours[0].started_at if hours else None, max(judged, default=None), schedule)


def _judged(config: Settings, engine: Engine, judge: Callable[[], Judge], window: Window) -> int:
    started = utc_now()
    try:
        found = _inspect(config, judge(), window)
    except (MemoryError, Unjudged, TimeIsUp, OutOfTime) as error:
        found = Inspected(0, [], _reason(error))
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)  # what was found is kept, however late it is
    run = FinishedRun(
        scope=window.scope,
        window_start=window.start,
        window_end=window.end,
        started_at=started,
        outcome=found.outcome,
        ticks=found.ticks,
        library_version=version("great_expectations"),
        detail=found.broke_off,
    )
    crashpoint("expectations.keep")
    number = save(engine, run, found.results, config.expectations.keep_days)
    _tell(run, found)
    signal.setitimer(signal.ITIMER_REAL, left)
    return number


def _reason(error: BaseException) -> str:
    return "it needs more than ORDERBOOK_EXPECTATIONS__MEMORY_BYTES" if isinstance(error, MemoryError) else str(error)


def _tell(run: FinishedRun, found: Inspected) -> None:
    facts = {"scope": run.scope, "start": run.window_start.isoformat(), "ticks": run.ticks}
    if run.outcome == "error":
        log.error("expectations broke off", reason=run.detail, **facts)
        return
    failing = [f"{r.name}/{r.profile}" if r.profile else r.name for r in found.results if r.passed is False]
    tell = log.warning if failing else log.info
    tell("expectations judged", outcome=run.outcome, failing=failing, **facts)


def _inspect(config: Settings, judge: Judge, window: Window) -> Inspected:
    # Arrow's allocator reserves a gigabyte when datasets are imported, unless the limit stands already.
    from orderbook.archive.root import Root  # noqa: PLC0415
    from orderbook.expectations.ticks import window_ticks  # noqa: PLC0415

    profiles = load_profiles(config.ingest.profiles_file)
    root = Root(config.archive)
    with Reader(config.database, config.expectations.seconds) as reader, reader.snapshot(holds_days=True) as connection:
        facts = read_facts(connection, window.start, window.end)
        inspection = Inspection(judge, facts, profiles, window)
        if not facts.readable:
            return inspect(inspection, None)
        ticks = window_ticks(connection, root, window.start, window.end)
        with closing(ticks):  # its COPY ends before the snapshot
            return inspect(inspection, ticks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
