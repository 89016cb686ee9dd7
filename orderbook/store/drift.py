"""Whether the database has the tables that ``tables.py`` declares."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, Engine, inspect

from orderbook.store.database import translated
from orderbook.store.tables import metadata


def drift(engine: Engine) -> list[str]:
    """What differs, one line each; empty where nothing does. Raises ``Unavailable``."""
    with translated(), engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": _ours, "compare_type": True, "compare_server_default": True}
        )
        return [line for found in compare_metadata(context, metadata) for line in _lines(found)] + _checks(connection)


def _ours(name: str | None, kind: str, parents: Any) -> bool:
    return not (kind == "table" and name is not None and name.startswith("ticks_"))  # the days are made by a function


def _lines(found: Any) -> list[str]:
    if isinstance(found, list):  # what changed in one column
        return [line for change in found for line in _lines(change)]
    kind, *subject = found
    return [f"{kind.replace('_', ' ')}: {', '.join(_told(part) for part in subject if part is not None)}"]


def _told(part: Any) -> str:
    name = getattr(part, "name", None)
    table = getattr(getattr(part, "table", None), "name", None)
    if name is None:
        return str(part) if table is None else f"on {table}"
    return f"{table}.{name}" if table else str(name)


def _checks(connection: Connection) -> list[str]:
    # alembic does not compare check constraints
    found = inspect(connection)
    present = set(found.get_table_names())
    lines = []
    for table in metadata.sorted_tables:
        if table.name not in present:
            continue
        wanted = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
        there = {str(check["name"]) for check in found.get_check_constraints(table.name)}
        lines += [f"add check: {table.name}.{name}" for name in sorted(wanted - there)]
        lines += [f"remove check: {table.name}.{name}" for name in sorted(there - wanted)]
    return lines
