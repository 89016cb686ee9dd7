"""The first rows by time without reading them all: which statements ask for just that, and where to look for it. Pure.

``SELECT … FROM ticks … ORDER BY event_time DESC LIMIT 10`` is answered from the newest minute wherever that has ten
rows: any other row is older than all of them, so it comes after. Else the next wider span is looked at.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

MOST_ROWS: Final = 100_000
SPANS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 60, 1_440, 10_080))


@dataclass(frozen=True, slots=True)
class Nearest:
    """At most ``rows`` rows, the newest ones or the oldest ones first."""

    rows: int
    newest: bool


def nearest(serialized: str) -> Nearest | None:
    """What a statement asks for, as ``json_serialize_sql`` wrote it; None where it is anything else.

    Only plain columns of ``ticks``, under any condition without a query of its own: no other row may change them.
    """
    parsed = json.loads(serialized)
    node: dict[str, Any] = {} if parsed["error"] else parsed["statements"][0]["node"]
    modifiers = node.get("modifiers", [])
    if [modifier["type"] for modifier in modifiers] != ["ORDER_MODIFIER", "LIMIT_MODIFIER"] or not _is_plain(node):
        return None
    orders, limit = modifiers[0]["orders"], modifiers[1]
    by = [order["expression"].get("column_names") for order in orders if _is_column(order["expression"])]
    rows = _number(limit["limit"])
    if len(by) != len(orders) or by[0] != ["event_time"] or limit["limit_type"] != "ROW_COUNT" or rows is None:
        return None
    return Nearest(rows, newest=orders[0]["type"] == "DESCENDING") if 0 < rows <= MOST_ROWS else None


def spans(asked: Nearest, first: datetime, now: datetime) -> Iterator[tuple[datetime | None, datetime | None]]:
    """The spans of event time to look at in turn, from a start up to an end; None: not bounded so."""
    for width in SPANS:
        yield (now - width, None) if asked.newest else (None, first + width)


def _is_plain(node: dict[str, Any]) -> bool:
    source = node.get("from_table") or {}
    own = ("group_expressions", "group_sets", "having", "sample", "qualify")
    return (
        node["type"] == "SELECT_NODE"
        and source.get("type") == "BASE_TABLE"
        and source["qualified_name"] == {"path": ["ticks"]}
        and not any((source["sample"], source["column_name_alias"], source["at_clause"], node["cte_map"]["map"]))
        and not any(node[name] for name in own)
        and all(_is_column(chosen) or _is_star(chosen) for chosen in node["select_list"])
        and "SUBQUERY" not in json.dumps(node["where_clause"])
    )


def _is_column(expression: dict[str, Any]) -> bool:
    return expression["class"] == "COLUMN_REF" and not expression["alias"]


def _is_star(expression: dict[str, Any]) -> bool:
    changed = ("replace_list", "rename_list", "columns", "expr")
    return expression["class"] == "STAR" and not any(expression[name] for name in changed)


def _number(expression: dict[str, Any] | None) -> int | None:
    literal = (expression or {}).get("literal") or {}
    return int(literal["text"]) if literal.get("kind") == "INTEGER" else None
