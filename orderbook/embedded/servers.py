"""Kafka, Valkey and Postgres together: one set with its data in one folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from orderbook.embedded.account import server_account
from orderbook.embedded.folder import DataFolder
from orderbook.embedded.kafka import Kafka
from orderbook.embedded.ports import choose_port
from orderbook.embedded.postgres import ARCHIVER, INGEST, OWNER, READER, Postgres
from orderbook.embedded.process import Command, Process, wait_until
from orderbook.embedded.valkey import Valkey

START_SECONDS = 60  # Kafka takes 3 on an idle machine; recovery after a crash and slow disks take longer


class Server(Protocol):
    """A server program with its data in a folder."""

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str:
        """What it is, for people."""

    def prepare(self) -> Command:
        """Make what it needs on disk (only once), and say what starts it."""

    def is_ready(self) -> bool:
        """Whether it serves."""

    def settle(self) -> None:
        """What is done once it serves; may be done again."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers listen, passwords included."""

    kafka_bootstrap: str
    database_url: str
    ingest_url: str
    reader_url: str
    archiver_url: str
    redis_url: str

    def environment(self) -> dict[str, str]:
        """The variables that point every program here."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap,
            "DATABASE_URL": self.database_url,
            "ORDERBOOK_DATABASE__INGEST_URL": self.ingest_url,
            "ORDERBOOK_DATABASE__READER_URL": self.reader_url,
            "ORDERBOOK_DATABASE__ARCHIVER_URL": self.archiver_url,
            "REDIS_URL": self.redis_url,
        }


@dataclass
class Servers:
    """The three servers of a data folder, as child processes of ours. Stops by pid whatever it started."""

    folder: DataFolder
    kafka: Kafka
    valkey: Valkey
    postgres: Postgres
    running: dict[str, Process] = field(default_factory=dict)

    @property
    def addresses(self) -> Addresses:
        postgres = self.postgres
        return Addresses(
            kafka_bootstrap=self.kafka.bootstrap_servers,
            database_url=postgres.url(OWNER),
            ingest_url=postgres.url(INGEST),
            reader_url=postgres.url(READER),
            archiver_url=postgres.url(ARCHIVER),
            redis_url=self.valkey.url,
        )

    def each(self) -> tuple[Server, ...]:
        """In the order they are stopped in."""
        return (self.kafka, self.postgres, self.valkey)

    def launch(self, server: Server) -> Process:
        """Prepare and start one; returns before it is ready."""
        process = Process(server.prepare(), self.folder.log(server.name))
        process.start()
        self.running[server.name] = process
        return process

    def start(self, started: Callable[[str], None] = lambda name: None) -> None:
        """Start all and return when all serve; ``started`` hears of each. Raises ``Unavailable`` when one fails."""
        for server in self.each():
            self.launch(server)
        for server in reversed(self.each()):
            wait_until(server.is_ready, self.running[server.name], START_SECONDS)
            server.settle()
            started(server.name)

    def stop(self) -> None:
        """Stop all and return when they are gone; data stays."""
        for server in self.each():
            if server.name in self.running:
                self.running.pop(server.name).stop()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def servers_in(folder: DataFolder, *, standard_ports: bool = True, quick: bool = False) -> Servers:
    """The servers of this data folder, not yet started.

    On their standard ports where these are free, else (or without ``standard_ports``) on free ones. ``quick`` trades
    Postgres' durability for speed: tests only.
    """
    folder.make()
    account, passwords = server_account(), folder.passwords()

    def port(standard: int) -> int:
        return choose_port(*[standard] if standard_ports else [])

    path = folder.path
    return Servers(
        folder=folder,
        kafka=Kafka(path / "kafka", port(9092), choose_port(), account),
        valkey=Valkey(path / "valkey", port(6379), passwords["valkey"], account),
        postgres=Postgres(path / "postgres", port(5432), passwords, account, quick),
    )
