"""``orderbook db``: the schema in Postgres."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import JsonOption, OutputOption
from orderbook.cli.output import Output, write_records

app = typer.Typer(help="The schema in Postgres.", epilog="Example: orderbook db upgrade", no_args_is_help=True)


@app.command(epilog="Example: orderbook db upgrade")
def upgrade() -> None:
    """Bring the schema to the revision of this code, and give each role its rights. Again changes nothing."""
    from orderbook.config import settings
    from orderbook.logs import configure
    from orderbook.store.grants import grant
    from orderbook.store.schema import upgrade as bring_to_head

    configure(settings().log_level, settings().log_format)
    bring_to_head()
    for line in grant(settings().database):
        sys.stderr.write(f"{line}\n")
    sys.stderr.write("The schema is at the head.\n")


@app.command(epilog="Example: orderbook db current")
def current() -> None:
    """Show the revision of the database and the one this code wants. Exit code 1 where they differ."""
    from orderbook.store.reader import Reader
    from orderbook.store.schema import schema_revisions

    with Reader() as reader:
        there, wanted = schema_revisions(reader.engine)
    sys.stdout.write(f"database  {there or 'no schema'}\ncode      {wanted}\n")
    if there != wanted:
        sys.stderr.write("The schema is not the one of this code: orderbook db upgrade\n")
        raise typer.Exit(CHECK_FAILED)


@app.command(epilog="Example: orderbook db check")
def check() -> None:
    """Compare the tables that this code declares with those of the database. Exit code 1 where they differ."""
    from orderbook.store.drift import drift
    from orderbook.store.reader import Reader

    with Reader() as reader:
        lines = drift(reader.engine)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    if lines:
        raise typer.Exit(CHECK_FAILED)
    sys.stderr.write("The database has the tables of this code.\n")


@app.command(epilog="Example: orderbook db partitions --exact")
def partitions(
    exact: Annotated[bool, typer.Option("--exact", help="Count the rows instead of asking for the estimate.")] = False,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """List the days of ticks with their rows (estimated) and bytes on disk."""
    from orderbook.store.reader import Day, Reader, days

    with Reader() as reader:
        write_records(Day, days(reader, exact=exact), output, as_json=as_json)


@app.command(epilog='Example: orderbook db shell -- -c "SELECT count(*) FROM ticks"')
def shell(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[PSQL ARGUMENTS]...", help="Given to psql.")] = None,
) -> None:
    """Open psql on the database. The password goes by the environment, so no list of processes shows it."""
    from orderbook.cli.psql import environment_of, find_psql
    from orderbook.config import settings

    program = find_psql()
    variables = environment_of(settings().database.url.get_secret_value())
    sys.stdout.flush()
    os.execve(program, [Path(program).name, *(arguments or [])], {**os.environ, **variables})  # noqa: S606 - psql
