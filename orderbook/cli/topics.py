"""``orderbook topics``: the raw log in Kafka."""

import sys
from typing import Annotated

import typer

from orderbook.cli.options import JsonOption, OutputOption, PartitionOption
from orderbook.cli.output import Output, write_json, write_records, write_rows

app = typer.Typer(help="The raw log in Kafka.", epilog="Example: orderbook topics lag", no_args_is_help=True)


@app.command(epilog="Example: orderbook topics create")
def create() -> None:
    """Make the topic as the settings say. Where it is there already, nothing changes."""
    from orderbook.cli.services import topic_client
    from orderbook.config import settings

    with topic_client() as topic:
        made = topic.create()
    state = "is made" if made else "was there already"
    sys.stderr.write(f"Topic {settings().kafka.topic} {state}.\n")


@app.command(epilog="Example: orderbook topics describe")
def describe(as_json: JsonOption = False) -> None:
    """Show the topic's id, its cluster, and the first offset and the end of each partition."""
    from orderbook.cli.services import topic_client

    with topic_client() as topic:
        found = topic.describe()
    if as_json:
        write_json(found)
        return
    rows = found.pop("partitions")
    sys.stderr.write(", ".join(f"{name} {value}" for name, value in found.items()) + "\n")
    write_rows(list(rows[0]), [list(row.values()) for row in rows], Output.TABLE)


@app.command(epilog="Example: orderbook topics lag")
def lag(output: OutputOption = Output.TABLE, as_json: JsonOption = False) -> None:
    """Show how far landing is behind the log: in messages, and in seconds by the oldest record that is not landed.

    `committed` is the prefix that is finished in Postgres, `group` its projection in Kafka, which other tools see.
    """
    from orderbook.cli.log_view import PartitionLag, lags

    write_records(PartitionLag, lags(), output, as_json=as_json)


@app.command(epilog="Example: orderbook topics tail --from-beginning --limit 10")
def tail(
    partition: PartitionOption = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="From the first record there is.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many records.")] = None,
) -> None:
    """Print the raw log as it grows: partition, offset, time, key and value; bytes that are no text are escaped."""
    from orderbook.cli.log_view import record_line, records

    try:
        for number, record in records(partition, from_beginning=from_beginning, limit=limit):
            sys.stdout.write(record_line(number, record) + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return
