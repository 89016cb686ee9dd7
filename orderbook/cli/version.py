"""``orderbook version``."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from orderbook.cli.options import JsonOption
from orderbook.cli.output import write_fields, write_json

LIBRARIES = (
    "celery",
    "kombu",
    "redis",
    "kafka-python",
    "confluent-kafka",
    "SQLAlchemy",
    "psycopg2-binary",
    "alembic",
    "pyarrow",
    "pgpq",
    "pydantic",
    "flower",
)


def show_version(
    short: Annotated[bool, typer.Option("--short", help="Only the version of this package.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the versions of this package, of Python and of the libraries that matter most."""
    if short:
        sys.stdout.write(f"{version('orderbook')}\n")
        return
    found = {"orderbook": version("orderbook"), "python": sys.version.split()[0]}
    found |= {name: _installed(name) for name in LIBRARIES}
    if as_json:
        write_json(found)
    else:
        write_fields(found)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
