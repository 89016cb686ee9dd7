"""The run's servers behind TLS and passwords: certificates made here, a Kafka with SCRAM, TLS before the others."""

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from orderbook.embedded.kafka import Kafka
from orderbook.embedded.ports import LOOPBACK
from orderbook.embedded.process import Command
from tests.background import Background
from tests.listener import add_listener

POSTGRES_ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")

SECURE_LISTENER = """\
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={keystore}
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


@dataclass(frozen=True)
class Certificates:
    """An authority, and what it has issued to ``127.0.0.1``, as files in a folder."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    @property
    def cafile(self) -> Path:
        """The authority."""
        path = self.folder / "ca.pem"
        if not path.exists():
            self.authority.cert_pem.write_to_path(str(path))
        return path

    @property
    def strangers_cafile(self) -> Path:
        """An authority that has issued nothing here."""
        path = self.folder / "stranger.pem"
        if not path.exists():
            trustme.CA().cert_pem.write_to_path(str(path))
        return path

    def server_context(self) -> ssl.SSLContext:
        """What a server presents."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(LOOPBACK).configure_cert(context)
        return context

    def write_keystore(self, path: Path) -> None:
        """Key and chain in one PEM file, as Java reads them."""
        issued = self.authority.issue_cert(LOOPBACK)
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pkcs8 + b"".join(blob.bytes() for blob in issued.cert_chain_pems))


@dataclass(frozen=True, slots=True)
class SecureKafka(Kafka):
    """Kafka with a second listener: TLS, and passwords by SCRAM."""

    secure_port: int = 0
    certificates: Certificates | None = None

    @property
    def secure_servers(self) -> str:
        return f"{LOOPBACK}:{self.secure_port}"

    def prepare(self) -> Command:
        # the zero arguments of super() are not for dataclasses with slots
        command = Kafka.prepare(self)
        assert self.certificates is not None
        keystore = self.folder / "server.pem"
        self.certificates.write_keystore(keystore)
        keystore.chmod(0o644)
        lines = SECURE_LISTENER.format(keystore=keystore)
        add_listener(self.folder, "SECURE", self.secure_servers, "SASL_SSL", more=lines)
        return command


@dataclass
class TlsBefore(Background):
    """TLS before a server that has none: neither Postgres nor Valkey is built with it in the embedded packages.

    ``postgres``: a client asks for TLS in the clear first, as Postgres' protocol has it.
    """

    upstream: int
    port: int
    context: ssl.SSLContext
    postgres: bool = False
    in_the_clear: int = 0  # clients that spoke without TLS
    _server: asyncio.Server | None = None

    async def _listen(self) -> None:
        context = None if self.postgres else self.context
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port, ssl=context)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.postgres and not await self._begin_tls(reader, writer):
                return
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.upstream)
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.close()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client did not like our certificate, or left
        finally:
            writer.close()

    async def _begin_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if await reader.readexactly(8) != POSTGRES_ASKS_FOR_TLS:
            self.in_the_clear += 1
            return False
        writer.write(b"S")
        await writer.start_tls(self.context)
        return True


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
    if not writer.is_closing():
        writer.close()
