"""What the expectations found, kept: runs and their results. Reading takes the connection of a ``Reader.snapshot``."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection, Engine, text

from orderbook.store.database import told_of_schema, translated

Scope = Literal["day", "hour"]
Severity = Literal["critical", "warning", "info"]
Outcome = Literal["passed", "failed", "empty", "error"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
LOCK: Final = 7_227_006  # one run at a time

SAVE_RUN = text("""
    INSERT INTO expectation_run (scope, window_start, window_end, started_at, outcome, ticks, library_version, detail)
    VALUES (:scope, :window_start, :window_end, :started_at, :outcome, :ticks, :library_version, :detail)
    RETURNING id
""")
SAVE_RESULTS = text("""
    INSERT INTO expectation_result (run_id, position, name, profile, severity, passed, checked, failed, told, rows)
    SELECT :run, position, name, profile, severity, passed, checked, failed, told, rows
    FROM jsonb_to_recordset(CAST(:results AS jsonb)) AS r (
        position smallint, name text, profile text, severity text, passed boolean, checked bigint, failed bigint,
        told text, rows jsonb)
""")
FORGET = text("DELETE FROM expectation_run WHERE scope = 'hour' AND finished_at < now() - :keep")
RUNS = text("""
    SELECT r.id, r.scope, r.window_start, r.window_end, r.started_at, r.finished_at, r.outcome, r.ticks,
           r.library_version, r.detail, count(e.*) FILTER (WHERE e.passed), count(e.*) FILTER (WHERE NOT e.passed)
    FROM expectation_run r LEFT JOIN expectation_result e ON e.run_id = r.id
    WHERE (CAST(:run AS bigint) IS NULL OR r.id = :run)
      AND (CAST(:scope AS text) IS NULL OR r.scope = :scope)
      AND (CAST(:start AS timestamptz) IS NULL OR r.window_start = :start)
    GROUP BY r.id ORDER BY r.id DESC LIMIT :limit
""")
RESULTS = text("""
    SELECT name, profile, severity, passed, checked, failed, told, rows FROM expectation_result
    WHERE run_id = :run ORDER BY position
""")
# A run that broke off has no say about the data: the one before it stands until another says otherwise.
STANDING = text("""
    SELECT e.severity, count(*) FROM (
        SELECT DISTINCT ON (scope) id FROM expectation_run WHERE outcome <> 'error' ORDER BY scope, id DESC) AS newest
    JOIN expectation_result e ON e.run_id = newest.id WHERE NOT e.passed GROUP BY 1
""")
LAST_FINISHED = text("SELECT max(finished_at) FROM expectation_run WHERE outcome <> 'error'")
TRY_LOCK = text("SELECT pg_try_advisory_lock(:key)")
PATIENCE = text("SELECT set_config('lock_timeout', :milliseconds, false)")
WAIT_FOR_LOCK = text("SELECT pg_advisory_lock(:key)")


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """What came of one expectation, in one profile where it has one.

    ``passed`` is None where it could not be judged. ``rows`` are the first failing ones, a value by column as text.
    """

    name: str
    profile: str | None
    severity: Severity
    passed: bool | None
    checked: int
    failed: int
    told: str
    rows: list[dict[str, str | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run to be kept. ``ticks`` is how many were judged; ``detail`` says why it broke off, if it did."""

    scope: Scope
    window_start: datetime
    window_end: datetime
    started_at: datetime
    outcome: Outcome
    ticks: int
    library_version: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ExpectationRun:
    """A run that is kept, with the number of expectations that hold and that fail."""

    id: int
    scope: Scope
    window_start: datetime
    window_end: datetime
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    ticks: int
    library_version: str
    detail: str
    passed: int
    failed: int


@contextmanager
def alone(engine: Engine, wait_seconds: float = 0) -> Iterator[bool]:
    """Whether this process is the only one that judges, until the block ends or its connection does.

    With ``wait_seconds`` it waits to be, and raises ``Unavailable`` where the other goes on for longer.
    """
    with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            yield _lock(connection, wait_seconds)
        finally:
            connection.invalidate()  # the lock belongs to the session: it ends with it, whatever happened


def _lock(connection: Connection, wait_seconds: float) -> bool:
    if not wait_seconds:
        return bool(connection.execute(TRY_LOCK, {"key": LOCK}).scalar_one())
    connection.execute(PATIENCE, {"milliseconds": str(int(wait_seconds * 1000))})
    connection.execute(WAIT_FOR_LOCK, {"key": LOCK})
    return True


def save(engine: Engine, run: FinishedRun, results: Sequence[ExpectationResult], keep_days: int) -> int:
    """Keep a run with its results, durable when this returns its id; forget runs of an hour older than that."""
    rows = [{"position": at, **asdict(result)} for at, result in enumerate(results)]
    with told_of_schema(), translated(), engine.begin() as connection:
        number: int = connection.execute(SAVE_RUN, asdict(run)).scalar_one()
        connection.execute(SAVE_RESULTS, {"run": number, "results": json.dumps(rows)})
        connection.execute(FORGET, {"keep": timedelta(days=keep_days)})
    return number


def list_runs(
    connection: Connection,
    *,
    run: int | None = None,
    scope: Scope | None = None,
    start: datetime | None = None,
    limit: int = 1,
) -> list[ExpectationRun]:
    """Runs, newest first: of an id, of a scope, of the window that begins at ``start``."""
    arguments = {"run": run, "scope": scope, "start": start, "limit": limit}
    return [ExpectationRun(*row) for row in connection.execute(RUNS, arguments)]


def results_of(connection: Connection, run: int) -> list[ExpectationResult]:
    """The results of a run, in the order of the suite."""
    return [ExpectationResult(*row) for row in connection.execute(RESULTS, {"run": run})]


def standing_failures(connection: Connection) -> dict[Severity, int]:
    """By severity, how many expectations fail in the newest run of a day and the newest of an hour together."""
    found = {row[0]: row[1] for row in connection.execute(STANDING)}
    return {severity: found.get(severity, 0) for severity in SEVERITIES}


def last_finished(connection: Connection) -> datetime | None:
    """When a run last came to its end."""
    found: datetime | None = connection.execute(LAST_FINISHED).scalar_one()
    return found
