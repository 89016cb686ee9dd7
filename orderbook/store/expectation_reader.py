"""The newest runs of the expectations, for readers. Every function takes a ``Reader.snapshot``."""

from typing import Any

from sqlalchemy import Connection, text

IS_THERE = text("SELECT to_regclass('public.expectation_run') IS NOT NULL")
RUNS = text("""
    SELECT r.id, r.scope, r.window_start, r.window_end, r.finished_at, r.outcome, r.ticks, r.detail,
           count(e.*) FILTER (WHERE e.passed) AS passed, count(e.*) FILTER (WHERE NOT e.passed) AS failed
    FROM expectation_run r LEFT JOIN expectation_result e ON e.run_id = r.id
    GROUP BY r.id ORDER BY r.id DESC LIMIT :limit
""")
RESULTS = text("""
    SELECT name, profile, severity, passed, checked, failed, told FROM expectation_result
    WHERE run_id = :run ORDER BY position
""")


def newest_runs(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Runs, newest first, with how many expectations hold and fail; none in a schema without expectations."""
    if not connection.execute(IS_THERE).scalar_one():
        return []
    return [dict(row) for row in connection.execute(RUNS, {"limit": limit}).mappings()]


def results_of(connection: Connection, run: int) -> list[dict[str, Any]]:
    """Each expectation of a run, in the order of the suite; ``passed`` None: it could not be judged."""
    return [dict(row) for row in connection.execute(RESULTS, {"run": run}).mappings()]
