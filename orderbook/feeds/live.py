"""Live feeds: what an adapter to a venue must do, a pump that puts its quotes into the log, and one example.

Write an adapter as a class with ``quotes``; nothing else of this package needs to know about it. The README has the
program around it.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from orderbook.errors import Unavailable
from orderbook.feeds.mapped import FieldMapping, NdjsonFile
from orderbook.feeds.rows import BadLine, Item, Row
from orderbook.stream.producer import MOST_UNACKNOWLEDGED, LogProducer
from orderbook.tick import encode

LOOK_SECONDS = 0.25  # a quiet feed is asked this often whether it should stop


class LiveAdapter(Protocol):
    """A connection to a venue.

    ``quotes`` connects, and yields what comes, in the venue's order: a ``Row`` for a quote, a ``BadLine`` for what
    should be one and is not, None when nothing came for ``LOOK_SECONDS``, so that the caller may stop. The sequence id
    is the venue's. It ends where the venue ends the session, and raises ``Unavailable`` where the connection breaks:
    call it again. What the venue sent meanwhile is its own to send again; a jump of the ids tells what was missed.
    """

    def quotes(self) -> Iterator[Item | None]:
        """Yield what comes."""
        ...


def pump(
    adapter: LiveAdapter,
    producer: LogProducer[None],
    *,
    told_bad: Callable[[BadLine], None],
    stopped: Callable[[], bool],
) -> int:
    """Send a session's quotes until it ends or ``stopped``; returns how many, all acknowledged.

    Blocks, also while the broker has ``MOST_UNACKNOWLEDGED`` quotes to acknowledge: the venue waits, none is dropped.
    Raises ``Unavailable``.
    """
    sent = 0
    for item in adapter.quotes():
        if isinstance(item, Row):
            while not producer.wait_until(MOST_UNACKNOWLEDGED - 1, LOOK_SECONDS):
                if stopped():
                    return sent
            producer.send(item.tick.symbol.encode(), encode(item.tick), None)
            sent += 1
        elif isinstance(item, BadLine):
            told_bad(item)
        if stopped():
            break
    while not producer.wait_until(0, LOOK_SECONDS) and not stopped():
        pass
    return sent


@dataclass(frozen=True, slots=True)
class NdjsonSocket:
    """The example: a TCP server that sends one JSON object a line, its fields mapped as for NDJSON files."""

    host: str
    port: int
    mapping: FieldMapping
    connect_seconds: float = 5.0
    longest_line: int = 2**20

    def quotes(self) -> Iterator[Item | None]:
        """Yield what comes until the server closes the connection. Raises ``Unavailable``."""
        lines, number, rest = NdjsonFile(self.mapping), 0, b""
        try:
            with socket.create_connection((self.host, self.port), self.connect_seconds) as connection:
                connection.settimeout(LOOK_SECONDS)
                while (read := _read(connection)) != b"":
                    if read is None:
                        yield None
                        continue
                    *whole, rest = (rest + read).split(b"\n")
                    for line in filter(None, whole):
                        number += 1
                        yield lines.item(number, line)
                    if len(rest) > self.longest_line:
                        raise Unavailable(f"{self.host}:{self.port} sent {len(rest)} bytes without an end of line")
        except OSError as error:
            raise Unavailable(f"feed at {self.host}:{self.port}: {error}") from error
        if rest:
            yield BadLine(number + 1, "the connection ended in the middle of a line")


def _read(connection: socket.socket) -> bytes | None:
    try:
        return connection.recv(2**16)
    except TimeoutError:
        return None
