"""``orderbook query``: SQL over the stored rows."""

import os
import sys
from typing import Annotated

import typer

from orderbook.cli.options import OutputOption
from orderbook.cli.output import Output, write_rows
from orderbook.errors import BadQuery


def query(
    sql: Annotated[str, typer.Argument(help="One statement; `-` reads it from standard input.")],
    output: OutputOption = Output.TABLE,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds after which Postgres ends it.")] = 60.0,
) -> None:
    """Ask the stored ticks, and the tables beside them, in SQL. Nothing can be written by it.

    All rows come: say LIMIT for fewer. Numbers are exact in every form; in JSON they are strings.
    """
    from orderbook.store.free_query import answered
    from orderbook.store.reader import Reader

    statement = sys.stdin.read() if sql == "-" else sql
    if not statement.strip():
        raise BadQuery("the query is empty")
    try:
        with Reader(statement_seconds=timeout) as reader, answered(reader, statement) as answer:
            write_rows(answer.columns, answer.rows, output)
            sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
