"""``orderbook clocks``: how far the receiver's clock is from each venue's."""

from typing import Annotated

import typer

from orderbook.cli.options import JsonOption, OutputOption
from orderbook.cli.output import Output, write_records


def clocks(
    hours: Annotated[float, typer.Option(min=0, help="Feeds that sent something within so many hours.")] = 24,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Show receive time less event time by feed: the smallest of late, since delays only ever add to it.

    A constant difference is normal, also below zero: nothing is rejected for it. A jump by more than
    ORDERBOOK_COMPLETENESS__CLOCK_STEP_SECONDS says that a clock was set: `stepped_at`, and an alarm `clock_step`.
    """
    from orderbook.store.completeness.clocks import SkewRow, list_skews
    from orderbook.store.reader import Reader

    with Reader() as reader, reader.snapshot() as connection:
        found = list_skews(connection, hours * 3600)
    write_records(SkewRow, found, output, as_json=as_json)
