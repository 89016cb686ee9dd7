"""What all cold files hold together."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

TOTALS = text("""
    SELECT count(*), coalesce(sum(rows), 0)::bigint, max(live_at) FROM cold_file WHERE state = 'live'
""")


@dataclass(frozen=True, slots=True)
class ColdTotals:
    """The files that are part of the data. ``last``: when the newest of them became so."""

    files: int
    rows: int
    last: datetime | None


def cold_totals(connection: Connection) -> ColdTotals:
    """How many files there are and how many rows they hold."""
    return ColdTotals(*connection.execute(TOTALS).one())
