"""``orderbook api``: the HTTP interface and the live page."""

import sys
from enum import StrEnum
from typing import Annotated

import typer


class Scope(StrEnum):
    """Of a key."""

    READ = "read"
    OPERATE = "operate"


def api(
    *,
    address: Annotated[str | None, typer.Option(help="Instead of ORDERBOOK_API__ADDRESS.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Instead of ORDERBOOK_API__PORT; 0: any that is free.")
    ] = None,
    new_key: Annotated[
        Scope | None, typer.Option(help="Make a key, print it and what to add to ORDERBOOK_API__KEYS, and end.")
    ] = None,
) -> None:
    """Serve the API under /v1, its description at /docs, and the live page at /.

    Off loopback it wants keys: `read`, and `operate` for raw rejected bytes, ranges and the audit. `orderbook up` runs
    one.
    """
    from orderbook.api.serve import serve
    from orderbook.config import settings

    if new_key is not None:
        _print_key(new_key)
        return
    config = settings()
    serve(config, config.api.address if address is None else address, config.api.port if port is None else port)


def _print_key(scope: Scope) -> None:
    import hashlib
    import secrets

    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"{key}\n")
    sys.stderr.write(f"ORDERBOOK_API__KEYS={scope.value}:{hashlib.sha256(key.encode()).hexdigest()}\n")
