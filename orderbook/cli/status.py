"""``orderbook status``: the pipeline on one screen."""

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import UNREACHABLE, one_line
from orderbook.cli.options import JsonOption
from orderbook.cli.output import plain
from orderbook.errors import Unavailable

if TYPE_CHECKING:
    from orderbook.cli.pipeline_state import PipelineState, Source

REFRESH_SECONDS = 1.0


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again each second, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how far each partition is planned, landed and behind, what was rejected and lost, rates and alarms.

    Counts are the ledger's own, written in the transaction of their rows. Exit code 3 where Postgres or Kafka is away.
    """
    from orderbook.cli.pipeline_state import Source

    with Source() as source:
        if watch:
            _watch(source, as_json=as_json)
        elif not _show(source, as_json=as_json):
            raise typer.Exit(UNREACHABLE)


def _show(source: "Source", *, as_json: bool) -> bool:
    from orderbook.cli.pipeline_state import screen

    state = source.read()
    sys.stdout.write(_document(state) if as_json else screen(state))
    if state.kafka_error:
        sys.stderr.write(f"orderbook: {state.kafka_error}\n")
    return state.kafka_error is None


def _document(state: "PipelineState") -> str:
    import json
    from dataclasses import asdict

    return json.dumps(plain(asdict(state)), ensure_ascii=False) + "\n"


def _watch(source: "Source", *, as_json: bool) -> None:
    with suppress(KeyboardInterrupt):
        if as_json or not sys.stdout.isatty():
            _repeat(source, as_json=as_json)
        else:
            _live(source)


def _repeat(source: "Source", *, as_json: bool) -> None:
    while True:
        try:
            _show(source, as_json=as_json)
        except Unavailable as error:
            sys.stderr.write(f"orderbook: {one_line(error)}\n")
        sys.stdout.flush()
        time.sleep(REFRESH_SECONDS)


def _live(source: "Source") -> None:
    from rich.live import Live
    from rich.text import Text

    from orderbook.cli.pipeline_state import screen

    with Live(Text("…"), auto_refresh=False, screen=True) as live:
        while True:
            try:
                text = Text(screen(source.read()), no_wrap=True)
            except Unavailable as error:
                text = Text(one_line(error), style="bold red")
            text.highlight_regex(r"halted.*|ALARM.*|Kafka is away.*", style="bold red")
            live.update(text, refresh=True)
            time.sleep(REFRESH_SECONDS)
