"""The command ``orderbook``: one file per group of commands. What a command needs is imported when it runs."""

import typer

from orderbook.cli import archive, audit, config, contracts, db, expectations, quarantine, ranges, topics
from orderbook.cli.api import api
from orderbook.cli.clocks import clocks
from orderbook.cli.coverage import coverage
from orderbook.cli.doctor import doctor
from orderbook.cli.env import env
from orderbook.cli.exporter import exporter
from orderbook.cli.failures import Commands
from orderbook.cli.gaps import gaps
from orderbook.cli.importing import import_files
from orderbook.cli.path import path
from orderbook.cli.query import query
from orderbook.cli.rebuild import rebuild
from orderbook.cli.replay import replay
from orderbook.cli.report import report
from orderbook.cli.status import status
from orderbook.cli.tail import tail
from orderbook.cli.trace import trace
from orderbook.cli.up import up
from orderbook.cli.version import show_version

app = typer.Typer(
    name="orderbook",
    cls=Commands,
    help="Order-book ticks from Kafka to Postgres through Celery: each offset exactly once.",
    epilog="Example: orderbook up",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="Example: orderbook up --symbols TTF-GAS,NBP-GAS --seed 7")(up)
app.command(epilog='Example: eval "$(orderbook env)"')(env)
app.command(epilog="Example: orderbook audit --deep")(audit.audit)
app.command(epilog="Example: orderbook doctor")(doctor)
app.command(epilog="Example: orderbook status --watch")(status)
app.command(epilog="Example: orderbook tail --symbol TTF-GAS --limit 20")(tail)
app.command(epilog='Example: orderbook query "SELECT symbol, count(*) FROM ticks GROUP BY 1" --output csv')(query)
app.command(epilog="Example: orderbook exporter --port 9464")(exporter)
app.command(epilog="Example: orderbook api --port 8080")(api)
app.command(epilog="Example: orderbook gaps --kind gap --state open --from 2h")(gaps)
app.command(epilog="Example: orderbook clocks --hours 1")(clocks)
app.command(epilog="Example: orderbook coverage --from 1d --by symbol --min 0.999")(coverage)
app.command(epilog="Example: orderbook trace TTF-GAS 1207")(trace)
app.command(epilog="Example: orderbook report --date yesterday --tz Europe/Amsterdam --format html --out day.html")(
    report
)
app.command(epilog="Example: orderbook replay --from 2024-08-08T23:54Z --to 2024-08-09 --speed 10 --symbols BTCUSDT")(
    replay
)
app.command(epilog="Example: orderbook rebuild --date 2026-11-22 --dry-run")(rebuild)
app.command("import", epilog="Example: orderbook import binance btcusdt_20240808.gz")(import_files)
app.add_typer(ranges.app, name="ranges")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(archive.app, name="archive")
app.add_typer(expectations.app, name="expectations")
app.add_typer(db.app, name="db")
app.add_typer(contracts.app, name="contracts")
app.add_typer(topics.app, name="topics")
app.add_typer(config.app, name="config")
app.command(epilog="Example: orderbook path monitoring")(path)
app.command("version", epilog="Example: orderbook version --short")(show_version)


def main() -> None:
    """Run the command line; exits with its code."""
    app()
