"""``orderbook up``: everything on this machine."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Only(StrEnum):
    """A part of the whole."""

    SERVERS = "servers"


def up(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Keeps the data. Default: ~/.local/share/orderbook, as root /var/lib/orderbook."),
    ] = None,
    only: Annotated[
        Only | None, typer.Option(help="Just Kafka, Valkey and Postgres, with schema and topic: the rest is yours.")
    ] = None,
    simulator: Annotated[
        bool | None, typer.Option(help="Run one. Default: yes, but not over servers of your own.", show_default=False)
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Delete all data of before, then start.")] = False,
    symbols: Annotated[str | None, typer.Option(help="Of the simulator, comma-separated.")] = None,
    market: Annotated[
        str | None,
        typer.Option(
            help="Of the simulator: uniform; calibrated, which bursts as real markets do; or power, the contracts of "
            "the delivery areas that --symbols names."
        ),
    ] = None,
    interval: Annotated[float | None, typer.Option(help="Of the simulator: seconds between ticks of a symbol.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the simulator: the same seed gives the same walk.")] = None,
    fault: Annotated[
        str | None, typer.Option(help="Of the simulator: faults on purpose, such as gap:0.1%,reset,stall,malformed:1%.")
    ] = None,
    stall_seconds: Annotated[float | None, typer.Option(help="Of the simulator: how long a stall is.")] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Of the simulator: a file for what was sent, its faults marked.")
    ] = None,
) -> None:
    """Run everything on this machine: Kafka, Valkey, Postgres, simulator, worker, beat, Flower, exporter and API.

    Real servers out of packages, no Docker, no root. Data stays from run to run. Ctrl-C stops all in order, a second
    one at once.

    Where KAFKA_BOOTSTRAP_SERVERS, REDIS_URL and DATABASE_URL are set, it starts no server: the rest runs over those.

    Other shells in this folder find the servers by themselves; elsewhere: eval "$(orderbook env)"
    """
    from orderbook.config import default_data_dir, settings
    from orderbook.embedded import own_servers
    from orderbook.embedded.folder import DataFolder
    from orderbook.embedded.up import Wishes, run
    from orderbook.simulator.options import parse

    given = {
        "--symbols": symbols,
        "--market": market,
        "--interval": interval,
        "--seed": seed,
        "--fault": fault,
        "--stall-seconds": stall_seconds,
        "--ledger": ledger.absolute() if ledger else None,
    }
    flags = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    # a wrong value ends here, not in a simulator that is started again and again
    areas = parse(flags, settings().simulator).areas
    over_own_servers = own_servers.are_named(os.environ)
    if over_own_servers and (only or reset):
        own_servers.refuse("--only servers" if only else "--reset")
    run(
        Wishes(
            folder=DataFolder((data_dir or default_data_dir()).absolute()),
            reset=reset,
            servers_only=only is Only.SERVERS,
            over_own_servers=over_own_servers,
            simulator=not over_own_servers if simulator is None else simulator,
            simulator_flags=tuple(flags),
            areas=settings().energy.areas or ",".join(area.name for area in areas),
        )
    )
