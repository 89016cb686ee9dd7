"""A TCP link that a test can spoil: between clients and one server, on loopback.

The toxics are those of Shopify's toxiproxy, by their names there. All run in one thread of their own.
"""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from orderbook.embedded.ports import LOOPBACK
from tests.background import Background

CHUNK = 65536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: the peer sees RST, not FIN

Kind = Literal["clean", "latency", "bandwidth", "slow_close", "timeout", "reset", "slicer", "down", "lost_commit"]


@dataclass(frozen=True, slots=True)
class Toxic:
    """What is wrong with the link. ``amount``: seconds of latency or slow close, bytes a second of bandwidth.

    ``timeout``: nothing passes, both ways, and no one is told. ``lost_commit``: a COMMIT arrives, its answer does not.
    """

    kind: Kind = "clean"
    amount: float = 0


CLEAN = Toxic()


@dataclass(eq=False)
class _Link:
    """One connection: the two sockets' streams."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter

    def abort(self) -> None:
        for writer in (self.client, self.server):
            plug = writer.get_extra_info("socket")
            if plug is not None and plug.fileno() >= 0:
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()


@dataclass
class Proxy(Background):
    """Listens on ``port`` and passes everything on to ``upstream`` as the toxic has it. Call from any thread."""

    upstream: int
    port: int
    toxic: Toxic = CLEAN
    passed_bytes: int = 0
    spoiled: int = 0  # connections that a toxic ended
    _links: set[_Link] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    def apply(self, toxic: Toxic) -> None:
        """Spoil the link from now on; connections that stand are spoilt too."""
        self._call(self._apply(toxic))

    def heal(self) -> None:
        """All is well again. Connections that were held are reset: what they held back is lost with them."""
        self._call(self._apply(CLEAN))

    @property
    def connections(self) -> int:
        """How many connections pass through."""
        return len(self._links)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port, backlog=512)

    async def _apply(self, toxic: Toxic) -> None:
        held, self.toxic = self.toxic.kind == "timeout", toxic
        self._changed.set()
        self._changed = asyncio.Event()
        if held or toxic.kind in {"reset", "down"}:
            self._abort_all()
        if toxic.kind == "reset":
            self.toxic = CLEAN

    def _abort_all(self) -> None:
        for link in list(self._links):
            self._spoil(link)

    def _spoil(self, link: _Link) -> None:
        self.spoiled += 1
        link.abort()

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        self._abort_all()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer, writer)
        if self.toxic.kind == "down":
            link.abort()
            return
        try:
            far_reader, link.server = await asyncio.open_connection(LOOPBACK, self.upstream)
        except OSError:
            link.abort()
            return
        self._links.add(link)
        try:
            await asyncio.gather(self._pump(link, reader, link.server), self._pump(link, far_reader, link.client))
        except OSError:
            link.abort()
        finally:
            self._links.discard(link)
            for end in (link.client, link.server):
                end.close()

    async def _pump(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            await self._delay(chunk)
            await self._write(writer, chunk)  # a commit is in the kernel's hands before its link is cut
            self.passed_bytes += len(chunk)
            if self.toxic.kind == "lost_commit" and writer is link.server and b"COMMIT\0" in chunk:
                self._spoil(link)
        if self.toxic.kind == "slow_close":
            await asyncio.sleep(self.toxic.amount)
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()

    async def _delay(self, chunk: bytes) -> None:
        while self.toxic.kind == "timeout":
            await self._changed.wait()
        if self.toxic.kind == "latency":
            await self._pause(self.toxic.amount * random.uniform(0.5, 1.5))
        elif self.toxic.kind == "bandwidth":
            await self._pause(len(chunk) / self.toxic.amount)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()  # who heals the link waits for nobody

    async def _write(self, writer: asyncio.StreamWriter, chunk: bytes) -> None:
        step = random.randint(1, 1500) if self.toxic.kind == "slicer" else len(chunk)
        for start in range(0, len(chunk), step):
            writer.write(chunk[start : start + step])
            await writer.drain()
            if step < len(chunk):
                await asyncio.sleep(0)
