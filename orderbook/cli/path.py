"""``orderbook path``: where the files lie that other programs read."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PACKAGE = Path(__file__).parent.parent
PLACES = {"alembic": "migrations/alembic.ini", "monitoring": "monitoring"}


class Kept(StrEnum):
    """What is asked for."""

    ALEMBIC = "alembic"
    MONITORING = "monitoring"


def path(
    what: Annotated[
        Kept, typer.Argument(help="alembic: its configuration; monitoring: alarms, runbooks, dashboards, scraping.")
    ],
) -> None:
    """Print where files of this installation lie that other programs read.

    `export ALEMBIC_CONFIG="$(orderbook path alembic)"` lets `alembic upgrade head` run in any folder, and
    `cp -r "$(orderbook path monitoring)" .` fetches what Prometheus and Grafana need.
    """
    inside = PACKAGE / PLACES[what.value]  # of the wheel; in the repository they lie beside the package
    sys.stdout.write(f"{inside if inside.exists() else PACKAGE.parent / PLACES[what.value]}\n")
