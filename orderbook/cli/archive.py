"""``orderbook archive``: days of ticks frozen to Parquet."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import JsonOption, OutputOption, WhyOption
from orderbook.cli.output import Output, write_records

if TYPE_CHECKING:
    from orderbook.archive.freeze import Archiver
    from orderbook.archive.root import Root
    from orderbook.archive.run import Outcome

app = typer.Typer(
    help="Days of ticks frozen to Parquet, on a folder or S3.",
    epilog="Example: orderbook archive run --dry-run",
    no_args_is_help=True,
)
DateOption = Annotated[str | None, typer.Option("--date", help="One day (UTC): 2026-01-05, yesterday.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@dataclass(frozen=True, slots=True)
class Listed:
    """A cold file, as ``ls`` shows it."""

    day: date
    path: str
    state: str
    rows: int
    size_bytes: int
    bytes_a_row: float
    first_time: datetime
    last_time: datetime
    live_at: datetime | None
    checked_at: datetime | None
    problem: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Due:
    """A day that a run would freeze."""

    day: date


@app.command(epilog="Example: orderbook archive run --date 2026-01-05")
def run(
    date: DateOption = None,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Freeze the days that are older than ORDERBOOK_DATABASE__HOT_DAYS, or the one that is named.

    Each is written, read back and compared before its rows leave Postgres. Killed at any point, it goes on at the next
    run. Exit code 1 where a day stays.
    """
    from orderbook.archive.run import Outcome, due
    from orderbook.archive.run import run as freeze_all
    from orderbook.config import settings

    with _archive() as (engine, _, archiver):
        days = due(engine, settings(), _day(date))
        if dry_run:
            write_records(Due, [Due(day) for day in days], output, as_json=as_json)
            return
        outcomes = freeze_all(engine, archiver, days, seconds=settings().archive.run_seconds, each=_told)
    write_records(Outcome, outcomes, output, as_json=as_json)
    if any(outcome.problem is not None for outcome in outcomes):
        raise typer.Exit(CHECK_FAILED)


@app.command("ls", epilog="Example: orderbook archive ls --output csv")
def list_files(date: DateOption = None, output: OutputOption = Output.TABLE, as_json: JsonOption = False) -> None:
    """List the files of the cold store: those that are part of the data, and what was begun or restored."""
    from orderbook.store import manifest
    from orderbook.store.reader import Reader

    with Reader() as reader, reader.snapshot() as connection:
        files = manifest.files(connection, _day(date), ("staged", "live", "restored"))
    shown = [
        Listed(
            *(file.day, file.path, file.state, file.rows, file.size_bytes, round(file.size_bytes / file.rows, 2)),
            *(file.first_time, file.last_time, file.live_at, file.checked_at, file.problem, file.sha256.hex()),
        )
        for file in files
    ]
    write_records(Listed, shown, output, as_json=as_json)


@app.command(epilog="Example: orderbook archive verify")
def verify(date: DateOption = None, output: OutputOption = Output.TABLE, as_json: JsonOption = False) -> None:
    """Read every file back, compare sha256 and rows with the manifest, and look for files that nobody knows.

    Exit code 1 where something is wrong. What is found is kept for the exporter's alarm.
    """
    from orderbook.archive.verify import Verdict
    from orderbook.archive.verify import verify as examined

    with _archive() as (engine, root, _):
        verdicts = list(examined(engine, root, _day(date), _progress))
    _progress("")
    write_records(Verdict, verdicts, output, as_json=as_json)
    if any(verdict.problem is not None for verdict in verdicts):
        raise typer.Exit(CHECK_FAILED)


@app.command(epilog='Example: orderbook archive restore --date 2026-01-05 --why "corrections of 5 January"')
def restore(
    date: Annotated[str, typer.Option("--date", help="The day (UTC).")],
    why: WhyOption = "",
    dry_run: DryRunOption = False,
) -> None:
    """Bring a frozen day back into Postgres, for a week or so (ORDERBOOK_ARCHIVE__RESTORED_DAYS)."""
    from orderbook.archive.restore import restore as put_back
    from orderbook.cli.services import operator
    from orderbook.store import manifest

    day = _day(date)
    assert day is not None
    with _archive() as (engine, root, archiver):
        with engine.begin() as connection:
            files = manifest.files(connection, day)
        if dry_run:
            sys.stdout.write(f"{sum(file.rows for file in files)} rows of {len(files)} files would be restored\n")
            return
        with archiver.alone():
            rows = put_back(engine, root, day, operator(why), _progress)
    _progress("")
    sys.stdout.write(f"{rows} rows of {day} are in Postgres again\n")


@contextmanager
def _archive() -> "Iterator[tuple[Any, Root, Archiver]]":
    from orderbook.archive.run import archive_engine
    from orderbook.config import settings
    from orderbook.logs import configure
    from orderbook.store.database import told_of_schema

    configure(settings().log_level, settings().log_format)
    with told_of_schema(), archive_engine(settings(), _progress) as parts:
        yield parts


def _day(text: str | None) -> date | None:
    from orderbook.cli.instants import day

    return None if text is None else day(text, UTC)


def _told(outcome: "Outcome") -> None:
    _progress("")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
