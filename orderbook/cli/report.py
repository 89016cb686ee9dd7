"""``orderbook report``: the morning check."""

import json
import sys
from dataclasses import asdict, astuple, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import JsonOption
from orderbook.cli.output import plain, table_lines

if TYPE_CHECKING:
    from orderbook.report import DayReport


class Format(StrEnum):
    """Of a report."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


def report(
    *,
    date: Annotated[str, typer.Option("--date", help="The day: 2026-01-05, today or yesterday.")] = "yesterday",
    time_zone: Annotated[str, typer.Option("--tz", help="Whose day, such as Europe/Amsterdam.")] = "UTC",
    least: Annotated[
        float, typer.Option("--min", min=0, max=1, help="The coverage that each symbol must have.")
    ] = 0.999,
    form: Annotated[Format, typer.Option("--format", "-f", help="html: one page that opens offline.")] = Format.TEXT,
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a day is complete: coverage, gaps, rejects, alarms. For cron: exit code 1 where it is not.

    Complete is a day that is over, of which nothing was lost, is missing or waits in quarantine, whose symbols are
    covered, and behind which nothing waits to be landed.
    """
    from datetime import UTC

    from orderbook.cli.instants import bounds, day, zone
    from orderbook.config import settings
    from orderbook.profiles import load_profiles
    from orderbook.report import read_day
    from orderbook.store.reader import Reader

    where = zone(time_zone)
    name = "UTC" if where is UTC else time_zone
    wanted = day(date, where)
    profiles = load_profiles(settings().ingest.profiles_file)
    with Reader() as reader:
        found = read_day(reader, profiles, wanted, bounds(wanted, where), zone=name, least=least)
    _write(found, Format.JSON if as_json else form, out)
    if not found.complete:
        raise typer.Exit(CHECK_FAILED)


def _write(found: "DayReport", form: Format, out: Path | None) -> None:
    from orderbook.cli.report_page import page

    match form:
        case Format.JSON:
            whole = plain({"complete": found.complete, "findings": found.findings, **asdict(found)})
            text = json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
        case Format.HTML:
            text = page(found)
        case Format.TEXT:
            text = screen(found)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def screen(found: "DayReport") -> str:
    """The report as text."""
    verdict = "complete" if found.complete else "NOT complete"
    lines = [f"{found.day} ({found.time_zone}) is {verdict}", *(f"  {finding}" for finding in found.findings)]
    for title, rows in found.sections():
        if rows:
            columns = [field.name for field in fields(rows[0])]
            lines += ["", title, *table_lines(columns, [astuple(row) for row in rows])]
    return "\n".join(lines) + "\n"
