"""Fixtures on real servers: one Kafka, Postgres and Valkey per test run, a database and a topic per test."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from pydantic import SecretStr
from redis import Redis

from orderbook.config import settings
from orderbook.embedded.folder import DataFolder
from orderbook.embedded.process import wait_until
from orderbook.embedded.servers import Servers, servers_in
from orderbook.errors import Unavailable
from orderbook.sections import DatabaseSettings


@dataclass(frozen=True, slots=True)
class RunningServers:
    """Where the run's servers listen. ``superuser_url`` may create databases; ``fleet`` can stop and start each."""

    kafka_bootstrap: str
    database_url: str  # database `marketdata`, empty, as its owner `market`
    ingest_url: str  # the same as the role of drainers and workers
    reader_url: str  # and as that of those who only read
    archiver_url: str  # and as that of the archive
    superuser_url: str
    redis_url: str
    fleet: Servers

    def restart(self, name: str, seconds: float = 60) -> None:
        """Kill a server with SIGKILL and start it again on its port and data; returns once it serves."""
        self.fleet.running[name].kill()
        self.start_again(name, seconds)

    def start_again(self, name: str, seconds: float = 60) -> None:
        """Start a server that was killed; returns once it serves."""
        server = next(server for server in self.fleet.each() if server.name == name)
        deadline = time.monotonic() + seconds
        while True:
            process = self.fleet.launch(server)
            try:
                wait_until(server.is_ready, process, seconds)
            except Unavailable:  # Postgres gives up while the old one's last backend still lives
                process.kill()
                if time.monotonic() > deadline:
                    raise
            else:
                return

    @classmethod
    def of(cls, fleet: Servers, kafka_bootstrap: str | None = None) -> "RunningServers":
        """The servers of a fleet; ``kafka_bootstrap`` where Kafka is reached in another way."""
        at = fleet.addresses
        return cls(
            kafka_bootstrap=kafka_bootstrap or at.kafka_bootstrap,
            database_url=at.database_url,
            ingest_url=at.ingest_url,
            reader_url=at.reader_url,
            archiver_url=at.archiver_url,
            superuser_url=fleet.postgres.superuser_url,
            redis_url=at.redis_url,
            fleet=fleet,
        )

    def create_migrated(self) -> str:
        """Make a database at the schema's head, each role with its rights; return its URL."""
        from orderbook.store.grants import grant
        from orderbook.store.schema import upgrade

        url = self.create_database()
        upgrade(url)
        names = {"url": "DATABASE_URL", "ingest_url": "ORDERBOOK_DATABASE__INGEST_URL"}
        names |= {f"{role}_url": f"ORDERBOOK_DATABASE__{role.upper()}_URL" for role in ("reader", "archiver")}
        grant(DatabaseSettings(**{field: SecretStr(self.roles(url)[name]) for field, name in names.items()}))
        return url

    def create_database(self, template: str = "template0") -> str:
        """Make a database owned by ``market``; return its URL."""
        name = f"test_{uuid4().hex[:12]}"
        self.administer(f"CREATE DATABASE {name} OWNER market TEMPLATE {template}")
        return f"{self.database_url.rpartition('/')[0]}/{name}"

    def roles(self, url: str) -> dict[str, str]:
        """The variables by which processes reach the database of ``url``, each in the role it needs."""
        name = database_of(url)
        return {
            "DATABASE_URL": url,
            "ORDERBOOK_DATABASE__INGEST_URL": f"{self.ingest_url.rpartition('/')[0]}/{name}",
            "ORDERBOOK_DATABASE__READER_URL": f"{self.reader_url.rpartition('/')[0]}/{name}",
            "ORDERBOOK_DATABASE__ARCHIVER_URL": f"{self.archiver_url.rpartition('/')[0]}/{name}",
        }

    def drop_database(self, url: str) -> None:
        """Drop it, whoever is connected."""
        self.administer(f"DROP DATABASE IF EXISTS {database_of(url)} WITH (FORCE)")

    def administer(self, statement: str) -> None:
        """Run one statement as the superuser, outside a transaction."""
        with closing(psycopg2.connect(self.superuser_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


@dataclass(frozen=True, slots=True)
class Stack:
    """What one test has to itself; ``settings()`` and the environment point there."""

    kafka_bootstrap: str
    database_url: str
    redis_url: str
    topic: str


def database_of(url: str) -> str:
    return url.rpartition("/")[2]


def new_data_dir() -> Path:
    """A folder that the servers' user can enter (pytest's own are closed to others when we are root)."""
    path = Path(tempfile.mkdtemp(prefix="orderbook-test-"))
    path.chmod(0o755)
    return path


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty data folder, removed afterwards."""
    path = new_data_dir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[RunningServers]:
    """Kafka, Postgres and Valkey of this test run, on free ports."""
    path = new_data_dir()
    with servers_in(DataFolder(path), standard_ports=False, quick=True) as fleet:
        yield RunningServers.of(fleet)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_template(servers: RunningServers) -> str:
    """The name of a database at the schema's head, to copy: ten times as fast as migrating."""
    url = servers.create_migrated()
    servers.administer(f"ALTER DATABASE {database_of(url)} ALLOW_CONNECTIONS false")
    return database_of(url)


@pytest.fixture
def empty_database_url(servers: RunningServers) -> Iterator[str]:
    """A database of this test's own, without a schema."""
    url = servers.create_database()
    yield url
    servers.drop_database(url)


@pytest.fixture
def database_url(servers: RunningServers, migrated_template: str) -> Iterator[str]:
    """A database of this test's own, at the schema's head."""
    url = servers.create_database(migrated_template)
    yield url
    servers.drop_database(url)


@pytest.fixture
def topic() -> str:
    """The name of a topic that nobody else uses; not yet made."""
    return f"test.{uuid4().hex[:12]}"


@pytest.fixture
def redis_url(servers: RunningServers) -> Iterator[str]:
    """An empty broker."""
    with Redis.from_url(servers.redis_url) as client:
        client.flushall()
        yield servers.redis_url


@pytest.fixture
def stack(
    servers: RunningServers, database_url: str, redis_url: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stack]:
    """A database, a broker, a topic and a group of this test's own: ``settings()`` here and in children says so."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers.kafka_bootstrap)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("ORDERBOOK_KAFKA__TOPIC", topic)
    monkeypatch.setenv("ORDERBOOK_KAFKA__GROUP_ID", f"group.{topic}")
    settings.cache_clear()
    yield Stack(servers.kafka_bootstrap, database_url, redis_url, topic)
    settings.cache_clear()
