"""``orderbook query``: SQL over hot and cold ticks, and the tables beside them."""

import os
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderbook.cli.instants import instant
from orderbook.cli.options import EndOption, StartOption, SymbolsOption
from orderbook.cli.output import Output, write_rows
from orderbook.errors import BadQuery

if TYPE_CHECKING:
    from orderbook.query.session import Answer


class Form(StrEnum):
    """The forms of a result: those of every command, and two that keep its types."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


def query(
    sql: Annotated[str, typer.Argument(help="One statement; `-` reads it from standard input.")],
    *,
    start: StartOption = None,
    end: EndOption = None,
    symbols: SymbolsOption = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="The form; arrow is an IPC stream.")] = Form.TABLE,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds after which it is ended; default: the settings'.")
    ] = None,
) -> None:
    """Ask in DuckDB's SQL, over all ticks wherever they lie. Nothing can be written by it, and no file is read.

    `ticks` has every stored tick once, `distinct_ticks` no repeats, `bars` and `bars_of(INTERVAL 5 MINUTE)` the mid's
    open, high, low and close; `gaps`, `quarantine` and the ledger's tables lie beside them. --from, --to and --symbols
    bound the ticks that are looked at. All rows come: say LIMIT for fewer. Numbers are exact; in JSON they are strings.
    """
    from orderbook.config import settings
    from orderbook.query.session import Session, Window

    statement = sys.stdin.read() if sql == "-" else sql
    if not statement.strip():
        raise BadQuery("the query is empty")
    if output in {Form.PARQUET, Form.ARROW} and sys.stdout.isatty():
        raise BadQuery(f"{output} is no text: send it to a file")
    window = Window(
        None if start is None else instant(start),
        None if end is None else instant(end),
        None if symbols is None else [symbol.strip() for symbol in symbols.split(",")],
    )
    try:
        with Session(settings(), window, seconds=timeout) as session:
            _write(session.ask(statement), output)
            sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(answer: "Answer", output: Form) -> None:
    if output is Form.PARQUET:
        import pyarrow.parquet as pq

        _write_batches(pq.ParquetWriter(sys.stdout.buffer, answer.schema, compression="zstd"), answer)
    elif output is Form.ARROW:
        import pyarrow as pa

        _write_batches(pa.ipc.new_stream(sys.stdout.buffer, answer.schema), answer)
    else:
        write_rows(answer.columns, _rows(answer), Output(output.value))


def _write_batches(writer: Any, answer: "Answer") -> None:
    with writer:
        for batch in answer.batches:
            writer.write_batch(batch)


def _rows(answer: "Answer") -> Iterator[Sequence[Any]]:
    for batch in answer.batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
