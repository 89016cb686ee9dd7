"""How other shells find the servers of an ``up``: ``services.env``, and a pointer to it in the working directory.

Beside the pointer, ``targets.json`` tells Prometheus what to scrape (``monitoring/prometheus-up.yml``).
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from orderbook.config import POINTER
from orderbook.embedded.folder import DataFolder, write_private
from orderbook.embedded.servers import Addresses

TARGETS = POINTER.with_name("targets.json")


def write_targets(places: Mapping[str, str]) -> None:
    """Tell Prometheus, in its file-based discovery, what to scrape: places by job."""
    text = json.dumps([{"targets": [place], "labels": {"job": job}} for job, place in places.items()], indent=1)
    with suppress(OSError):  # as with the pointer
        TARGETS.parent.mkdir(exist_ok=True)
        TARGETS.write_text(text + "\n")


@contextmanager
def announced(folder: DataFolder, addresses: Addresses | None, **others: str) -> Iterator[None]:
    """Lend the addresses, where they are ours, and ``others``, to every shell for as long as the block runs.

    Passwords are in the file: its owner's alone.
    """
    variables = (addresses.environment() if addresses else {}) | others | {"ORDERBOOK_UP_PID": str(os.getpid())}
    write_private(folder.services, "".join(f"{name}={value}\n" for name, value in variables.items()))
    pointer, target = POINTER.absolute(), f"{folder.services}\n"
    with suppress(OSError):  # a working directory that we cannot write to has no pointer: `orderbook env` has the rest
        pointer.parent.mkdir(exist_ok=True)
        pointer.write_text(target)
    try:
        yield
    finally:
        folder.services.unlink(missing_ok=True)
        with suppress(OSError):
            if pointer.read_text() == target:
                pointer.unlink()
                (pointer.parent / TARGETS.name).unlink(missing_ok=True)
                pointer.parent.rmdir()
