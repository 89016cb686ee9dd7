"""``orderbook gaps``: what is wrong with the sequence ids."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from orderbook.cli.options import EndOption, JsonOption, LimitOption, OutputOption, StartOption, SymbolsOption
from orderbook.cli.output import Output, write_records


class Kind(StrEnum):
    """Of an event."""

    GAP = "gap"
    REPEAT = "repeat"
    REORDER = "reorder"
    RESET = "reset"
    STALL = "stall"


class State(StrEnum):
    """Of an event."""

    OPEN = "open"
    LATE_FILLED = "late_filled"
    CONFIRMED = "confirmed"


def gaps(
    *,
    symbols: SymbolsOption = None,
    kind: Annotated[list[Kind] | None, typer.Option(help="Only these; may be given more than once.")] = None,
    state: Annotated[list[State] | None, typer.Option(help="Only these; may be given more than once.")] = None,
    start: StartOption = None,
    end: EndOption = None,
    counts: Annotated[bool, typer.Option("--counts", help="Just count them, by kind and state.")] = False,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """List gaps, repeats, reorders, resets and stalls, newest first; judged by the rule of each symbol's profile.

    A gap is `open` until its ids came after all (`late_filled`) or did not for a while (`confirmed`); `cause` says what
    became of them where that is known. A gap that the log itself filled later was only a `reorder`.
    """
    from orderbook.store.reader import Reader
    from orderbook.store.readers.sequence import EventCount, EventRow, count_events, list_events

    since, until = _aware(start), _aware(end)
    with Reader() as reader, reader.snapshot() as connection:
        if counts:
            write_records(EventCount, count_events(connection, start=since, end=until), output, as_json=as_json)
            return
        found = list_events(
            connection,
            symbols=symbols.split(",") if symbols else None,
            kinds=[k.value for k in kind] if kind else None,
            states=[s.value for s in state] if state else None,
            start=since,
            end=until,
            limit=limit,
        )
    write_records(EventRow, found, output, as_json=as_json)


def _aware(text: str | None) -> datetime | None:
    from orderbook.cli.instants import instant

    return None if text is None else instant(text)
