"""``orderbook expectations``: Great Expectations over what is stored."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import JsonOption, OutputOption
from orderbook.cli.output import Output, table_lines, write_json, write_records
from orderbook.errors import BadQuery, Refused

if TYPE_CHECKING:
    from orderbook.store.expectation_runs import ExpectationResult, ExpectationRun

app = typer.Typer(
    help="Great Expectations on a day or the last hour: run, ls, report.",
    epilog="Example: orderbook expectations run --date yesterday",
    no_args_is_help=True,
)

DateOption = Annotated[str | None, typer.Option("--date", help="A day (UTC): 2026-01-05, today or yesterday.")]
HourOption = Annotated[bool, typer.Option("--last-hour", help="The last whole hour and what there is of this one.")]


@app.command("run", epilog="Example: orderbook expectations run --date yesterday")
def run(*, date: DateOption = None, last_hour: HourOption = False, as_json: JsonOption = False) -> None:
    """Judge the stored ticks of a window now, in a process of its own, and keep what was found.

    Exit code 0 where every expectation holds; 1 where one fails, there is no tick, or the run broke off.
    """
    from orderbook.expectations.launch import judge_now

    if (date is None) == (not last_hour):
        raise typer.BadParameter("say --date or --last-hour")
    (number,) = judge_now("last-hour" if date is None else _day(date))
    found, results = _read(number)
    if as_json:
        write_json({**asdict(found), "results": [asdict(result) for result in results]})
    else:
        sys.stdout.writelines(f"{line}\n" for line in screen(found, results))
    _exit(found)


@app.command("report", epilog="Example: orderbook expectations report --date yesterday --out day.html")
def report(
    *,
    date: DateOption = None,
    last_hour: HourOption = False,
    number: Annotated[int | None, typer.Option("--run", min=1, help="The run of this id.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead.")] = None,
) -> None:
    """Write the newest run, of a window or of any, as one HTML file that opens offline. It judges nothing anew.

    Exit code 1 where an expectation fails, there was no tick, or the run broke off.
    """
    from orderbook.expectations.page import page

    if (date is not None) + last_hour + (number is not None) > 1:
        raise typer.BadParameter("say one of --date, --last-hour and --run")
    found, results = _read(number, None if date is None else _day(date), last_hour=last_hour)
    text = page(found, results)
    if out is None:
        sys.stdout.write(text)
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadQuery(f"--out {out}: {error.strerror}") from error
    _exit(found)


@app.command("ls", epilog="Example: orderbook expectations ls --limit 5")
def ls(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most this many, the newest.")] = 20,
    output: OutputOption = Output.TABLE,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the runs, newest first."""
    from orderbook.store.expectation_runs import ExpectationRun, list_runs
    from orderbook.store.reader import Reader

    with Reader() as reader, reader.snapshot() as connection:
        found = list_runs(connection, limit=limit)
    write_records(ExpectationRun, found, output, as_json=as_json)


def screen(found: "ExpectationRun", results: "list[ExpectationResult]") -> list[str]:
    """A run as text: the verdict, every expectation, and the rows that fail."""
    verdict = f"run {found.id}, {found.window_start:%Y-%m-%d %H:%M} to {found.window_end:%Y-%m-%d %H:%M} UTC: "
    verdict += f"{found.outcome}, {found.ticks:,} ticks"
    lines = [f"{verdict}: {found.detail}" if found.detail else verdict]
    if results:
        heads = ["", "expectation", "profile", "severity", "checked", "failed"]
        marks = {True: "ok", False: "FAILS", None: "not judged"}
        rows = [[marks[r.passed], r.name, r.profile, r.severity, r.checked, r.failed] for r in results]
        lines += ["", *table_lines(heads, rows)]
    for result in results:
        if result.rows:
            lines += ["", f"{result.name}: {result.told}"]
            lines += table_lines(list(result.rows[0]), [list(row.values()) for row in result.rows])
    return lines


def _read(
    number: int | None, day: str | None = None, *, last_hour: bool = False
) -> "tuple[ExpectationRun, list[ExpectationResult]]":
    from datetime import date

    from orderbook.expectations.window import Window
    from orderbook.store.expectation_runs import list_runs, results_of
    from orderbook.store.reader import Reader

    start = None if day is None else Window.of_day(date.fromisoformat(day)).start
    scope = "hour" if last_hour else None if day is None else "day"
    with Reader() as reader, reader.snapshot() as connection:
        runs = list_runs(connection, run=number, scope=scope, start=start)  # type: ignore[arg-type]
        if not runs:
            raise Refused("there is no such run: orderbook expectations ls")
        return runs[0], results_of(connection, runs[0].id)


def _day(text: str) -> str:
    from datetime import UTC

    from orderbook.cli.instants import day

    return day(text, UTC).isoformat()


def _exit(found: "ExpectationRun") -> None:
    if found.outcome != "passed":
        raise typer.Exit(CHECK_FAILED)
