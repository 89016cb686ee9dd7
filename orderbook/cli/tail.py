"""``orderbook tail``: stored ticks as they land."""

import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.output import Output, cell, write_rows

if TYPE_CHECKING:
    from orderbook.store.reader import StoredTick

LOOK_SECONDS = 0.25
LEAST_BACK = 1_000  # offsets of each partition that are searched for the first ticks: rejects and others lie between


def tail(
    symbol: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many ticks.")] = None,
    last: Annotated[int, typer.Option(min=0, help="Begin with this many that are stored already.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show stored ticks as they land, by partition and offset, until Ctrl-C.

    Follows the ledger's finished ranges, each of which becomes visible in one commit with its ticks: none is missed,
    however late its transaction commits, and none comes twice.
    """
    from orderbook.store.reader import StoredTick

    columns = [field.name for field in fields(StoredTick)]
    try:
        for tick in _ticks(symbol, last, follow=follow, limit=limit):
            if as_json:
                write_rows(columns, [[getattr(tick, name) for name in columns]], Output.NDJSON)
            else:
                sys.stdout.write(line(tick) + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _ticks(symbol: str | None, last: int, *, follow: bool, limit: int | None) -> Iterator["StoredTick"]:
    from orderbook.store.reader import Reader
    from orderbook.store.rows.tick_tail import TickTail

    left = limit
    with Reader() as reader:
        source = TickTail(symbol, back=max(LEAST_BACK, 10 * last) if last else 0)
        with reader.snapshot() as connection:
            found = list(source.new(connection))
        begin = sorted(found, key=lambda tick: (tick.landed_at, tick.event_time))[-last:] if last else []
        while True:
            for tick in begin:
                yield tick
                if left is not None and (left := left - 1) == 0:
                    return
            if not follow:
                return
            if not begin:
                time.sleep(LOOK_SECONDS)
            with reader.snapshot() as connection:
                begin = list(source.new(connection))


def line(tick: "StoredTick") -> str:
    """A tick on one line."""
    bid, ask = _side(tick.bid_price, tick.bid_volume), _side(tick.ask_price, tick.ask_volume)
    place = f"{tick.kafka_partition}@{tick.kafka_offset}"
    return f"{cell(tick.event_time)}  {tick.symbol:<12}  bid {bid:<20}  ask {ask:<20}  #{tick.sequence_id}  {place}"


def _side(price: Decimal | None, volume: Decimal | None) -> str:
    return "-" if price is None else f"{cell(price)} x {cell(volume)}"
