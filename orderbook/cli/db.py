"""``orderbook db``: the schema in Postgres."""

import sys

import typer

app = typer.Typer(help="The schema in Postgres.", epilog="Example: orderbook db upgrade", no_args_is_help=True)


@app.command(epilog="Example: orderbook db upgrade")
def upgrade() -> None:
    """Bring the schema to the revision of this code. Running it again changes nothing."""
    from orderbook.config import settings
    from orderbook.logs import configure
    from orderbook.store import database

    configure(settings().log_level, settings().log_format)
    database.upgrade()
    sys.stderr.write("The schema is at the head.\n")
