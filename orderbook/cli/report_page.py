"""A day's report as one HTML page: no script, no font, no request."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from orderbook.cli.output import cell

if TYPE_CHECKING:
    from orderbook.completeness.coverage import HourCoverage
    from orderbook.report import DayReport

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto }
th, td { padding: .2rem .6rem; text-align: left; border-bottom: 1px solid #8884; white-space: nowrap }
td.n { text-align: right }
.good { color: #17803d } .bad { color: #c62828 }
.hours td { padding: .1rem .25rem; text-align: center; border: 1px solid #8883; min-width: 2.2rem; color: #111 }
.hours td:first-child { color: inherit; text-align: left }
.full { background: #a5d6a7 } .most { background: #fff59d } .some { background: #ffab91 } .none { background: #ef9a9a }
.closed { background: #8882 }
""".strip()


def page(found: "DayReport") -> str:
    """The page, as text."""
    verdict = '<span class="good">complete</span>' if found.complete else '<span class="bad">not complete</span>'
    title = f"orderbook, {found.day} ({escape(found.time_zone)})"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style></head><body>",
        f"<h1>{title}: {verdict}</h1>",
        f"<p>As it stood at {found.made_at:%Y-%m-%d %H:%M:%S} UTC.</p>",
        "".join(f'<p class="bad">{escape(finding)}</p>' for finding in found.findings),
        _hours(found),
        *(_table(heading, rows) for heading, rows in found.sections() if rows),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _table(heading: str, rows: Sequence[Any]) -> str:
    heads = "".join(f"<th>{escape(field.name)}</th>" for field in fields(rows[0]))
    body = "".join(f"<tr>{''.join(_cell(value) for value in astuple(row))}</tr>" for row in rows)
    return f"<h2>{escape(heading)}</h2><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f'<td class="n">{escape(cell(value))}</td>' if number else f"<td>{escape(cell(value))}</td>"


def _hours(found: "DayReport") -> str:
    """Symbols by hours: the share in per cent, and a colour."""
    instants = sorted({hour.hour for hour in found.hours})
    if not instants:
        return ""
    at = {(hour.symbol, hour.hour): hour for hour in found.hours}
    zone = ZoneInfo(found.time_zone)
    heads = "".join(f"<th>{instant.astimezone(zone):%H}</th>" for instant in instants)
    rows = "".join(
        f"<tr><td>{escape(symbol.symbol)}</td>{_row(at, symbol.symbol, instants)}</tr>" for symbol in found.symbols
    )
    return f'<h2>Coverage by hour, per cent</h2><table class="hours"><tr><th></th>{heads}</tr>{rows}</table>'


def _row(at: "dict[tuple[str, datetime], HourCoverage]", symbol: str, instants: Iterable[datetime]) -> str:
    return "".join(_shade(at.get((symbol, instant))) for instant in instants)


def _shade(hour: "HourCoverage | None") -> str:
    if hour is None or hour.coverage is None:
        return '<td class="closed"></td>'
    grade = "full" if hour.coverage >= 0.9995 else "most" if hour.coverage >= 0.99 else "some" if hour.ticks else "none"
    return f'<td class="{grade}" title="{hour.ticks} ticks, {hour.missing} missing">{hour.coverage * 100:.4g}</td>'
