"""Named places where a test can kill this process. In production they cost one comparison.

A test sets ``ORDERBOOK_CRASHPOINTS`` to a folder. A file ``NAME`` in it kills, with SIGKILL, the first process that
comes by and is used up by that; a file ``NAME.always`` kills every one.
"""

import errno
import os
import signal
from pathlib import Path

from orderbook.config import settings


def crashpoint(name: str) -> None:
    """Die here, if a test asked for it; else return at once."""
    folder = settings().crashpoints
    if folder is not None:
        _die_if_asked(folder, name)


def crashpoint_within(name: str, start: int, end: int) -> None:
    """Die here, if a test asked for it at any number from ``start`` up to ``end``, as ``NAME.NUMBER``."""
    folder = settings().crashpoints
    if folder is None:
        return
    try:
        asked = [*folder.glob(f"{name}.*")]
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        return  # to look takes a descriptor, and a test may have taken them all: without a test nobody looks
    for path in asked:
        number = path.name.removeprefix(f"{name}.").removesuffix(".always")
        if number.isdigit() and start <= int(number) < end:
            _die_if_asked(folder, f"{name}.{number}")


def _die_if_asked(folder: Path, name: str) -> None:
    try:
        (folder / name).unlink()  # unlink is atomic: of many processes exactly one dies
    except FileNotFoundError:
        if not (folder / f"{name}.always").exists():
            return
    os.kill(os.getpid(), signal.SIGKILL)
