"""Files as they are kept: plain, gzip or zstd, told by their first bytes."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

LONGEST_LINE = 8 * 2**20  # a depth snapshot has 42 kB; what is longer is no line of text


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's content, unpacked. Raises ``OSError``, also (as ``EOFError``) where a packed file was cut off."""
    with path.open("rb") as raw:
        head = raw.read(4)
        raw.seek(0)
        if head[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast("BinaryIO", unpacked)
        elif head == b"\x28\xb5\x2f\xfd":
            with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as unpacked:
                yield cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", unpacked)))
        else:
            yield raw


def lines(path: Path) -> Iterator[tuple[int, bytes | str]]:
    """Yield number and bytes of each line, without its end; a ``str`` tells why the rest cannot be read."""
    number = 0
    try:
        with opened(path) as content:
            while line := content.readline(LONGEST_LINE):
                number += 1
                yield number, line.rstrip(b"\r\n")
    except (EOFError, gzip.BadGzipFile, zstandard.ZstdError) as error:
        yield number + 1, f"the rest of the file cannot be unpacked: {error}"


def fingerprint(path: Path) -> str:
    """The sha256 of the file as it lies there."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
