"""``orderbook env``: the addresses of a running ``up``, for a shell."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer


def env(
    data_dir: Annotated[Path | None, typer.Option(help="Of the `orderbook up` in question, where it has one.")] = None,
) -> None:
    """Print the exports that point a shell to the servers of a running `orderbook up`, passwords included."""
    from orderbook.config import running_servers
    from orderbook.errors import Unavailable

    variables = running_servers(data_dir)
    if not variables:
        raise Unavailable("no `orderbook up` runs here: start one, or name its folder with --data-dir")
    for name in sorted(variables):
        if name.endswith(("_URL", "_SERVERS", "_PID")):  # the pid: `orderbook up` tells them from servers of one's own
            sys.stdout.write(f"export {name}={shlex.quote(variables[name])}\n")
