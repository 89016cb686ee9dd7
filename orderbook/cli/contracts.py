"""``orderbook contracts``: what power symbols deliver, and until when they are traded."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from orderbook.cli.options import EndOption, JsonOption, OutputOption, StartOption
from orderbook.cli.output import Output, write_records

app = typer.Typer(
    help="Power contracts: delivery and gate closure.", epilog="Example: orderbook contracts ls", no_args_is_help=True
)


class KindName(StrEnum):
    """How long a delivery is."""

    QUARTER = "quarter"
    HOUR = "hour"


@app.command("ls", epilog="Example: orderbook contracts ls --area DE --kind quarter --open")
def list_them(
    *,
    area: Annotated[str | None, typer.Option(help="Only of this delivery area.")] = None,
    kind: Annotated[KindName | None, typer.Option(help="Only these.")] = None,
    start: StartOption = None,
    end: EndOption = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only what is traded now.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 1_000,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """List contracts by begin of delivery (--from, --to), with area, gate closure and whether they are traded now."""
    from orderbook.cli.instants import instant
    from orderbook.store.contracts import ContractRow, list_contracts
    from orderbook.store.reader import Reader

    with Reader() as reader, reader.snapshot() as connection:
        found = list_contracts(
            connection,
            area=area,
            kind=kind.value if kind else None,
            start=instant(start) if start else None,
            end=instant(end) if end else None,
            only_open=only_open,
            limit=limit,
        )
    write_records(ContractRow, found, output, as_json=as_json)


@app.command(epilog="Example: orderbook contracts add --areas DE,NL --date 2026-03-29")
def add(
    areas: Annotated[str, typer.Option(help="Delivery areas, comma-separated.")],
    date: Annotated[str, typer.Option(help="The delivery day: a date, today or yesterday.")],
) -> None:
    """List the contracts of a delivery day: 92, 96 or 100 quarters and 23 to 25 hours an area.

    Days ahead are listed by beat, for the areas in ORDERBOOK_ENERGY__AREAS.
    """
    from datetime import UTC

    from orderbook.cli.instants import day
    from orderbook.config import settings
    from orderbook.contracts import LENGTH, contracts_of, parse_areas
    from orderbook.store.contracts import add_contracts
    from orderbook.store.database import engine_for

    wanted = [c for area in parse_areas(areas) for kind in LENGTH for c in contracts_of(area, day(date, UTC), kind)]
    engine = engine_for(settings().database, "ingest", name="orderbook-contracts")
    try:
        added = add_contracts(engine, wanted)
    finally:
        engine.dispose()
    sys.stderr.write(f"{len(wanted)} contracts, {added} of them new.\n")
