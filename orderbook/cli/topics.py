"""``orderbook topics``: the raw log in Kafka."""

import sys

import typer

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
