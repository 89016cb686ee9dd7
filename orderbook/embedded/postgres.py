"""Postgres 18 on loopback: ``initdb`` and ``postgres`` run directly, passwords from the first byte on."""

import tempfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 -- a type, whatever psycopg2 calls it
from psycopg2.sql import SQL, Identifier, Literal

from orderbook.embedded import programs
from orderbook.embedded.account import Account, reachable
from orderbook.embedded.folder import make_private, plain_environment
from orderbook.embedded.ports import LOOPBACK
from orderbook.embedded.process import SIGINT, Command, run_to_end

SUPERUSER = "postgres"
OWNER, INGEST, READER, ARCHIVER = (
    "market",
    "market_ingest",
    "market_reader",
    "market_archiver",
)  # what each may do: store/grants.py
DATABASE = "marketdata"
STOP_SECONDS = 30
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Postgres:
    """Postgres with its data in one folder. ``quick`` is for tests: a crash of the machine may lose everything."""

    folder: Path
    port: int
    passwords: Mapping[str, str]  # by role
    account: Account | None = None
    quick: bool = False
    name: str = "postgres"
    text: str = "Postgres 18"

    def url(self, role: str, database: str = DATABASE) -> str:
        """A database as ``role``."""
        return f"postgresql://{role}:{self.passwords[role]}@{LOOPBACK}:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        return self.url(SUPERUSER, "postgres")

    def prepare(self) -> Command:
        """Make the cluster the first time; what starts the server."""
        make_private(self.folder, self.account)
        binaries = reachable(programs.postgres(), self.account) / "bin"
        if not self._cluster.exists():
            self._initdb(binaries)
        self._forget_stranger()
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
            "max_wal_size": "2GB",  # at the default of 1GB a catch-up checkpoints every few seconds
            **(QUICK if self.quick else {}),
        }
        settings = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        return Command(
            self.name,
            [str(binaries / "postgres"), "-D", str(self._cluster), *settings],
            plain_environment(self.folder),
            stop_signal=SIGINT,  # SIGTERM waits for every client to leave
            orphan_signal=SIGINT,
            grace_seconds=STOP_SECONDS,
            account=self.account,
            folder=self.folder,
        )

    def is_ready(self) -> bool:
        """Whether it takes connections (after a crash: once it has recovered)."""
        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def settle(self) -> None:
        """Make the roles and the database where they lack."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            for role in (OWNER, INGEST, READER, ARCHIVER):
                cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
                verb = SQL("ALTER" if cursor.fetchone() == (True,) else "CREATE")
                statement = SQL("{} ROLE {} LOGIN PASSWORD {}")
                cursor.execute(statement.format(verb, Identifier(role), Literal(self.passwords[role])))
            cursor.execute("SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)", [DATABASE])
            if cursor.fetchone() == (False,):
                cursor.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(DATABASE), Identifier(OWNER)))

    def _connect(self) -> Connection:
        connection: Connection = psycopg2.connect(self.superuser_url, connect_timeout=2)
        connection.autocommit = True
        return connection

    @property
    def _cluster(self) -> Path:
        return self.folder / "cluster"

    def _initdb(self, binaries: Path) -> None:
        account = self.account
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            fresh = Path(name)
            make_private(fresh, account)
            password = fresh / "password"
            password.touch(mode=0o600)
            password.write_text(self.passwords[SUPERUSER])
            if account is not None:
                account.takes(password)
            run_to_end(
                Command(
                    f"initdb in {self.folder}",
                    [str(binaries / "initdb"), "-D", str(fresh / "cluster"), *self._initdb_options(password)],
                    plain_environment(self.folder),
                    account=account,
                    folder=self.folder,
                )
            )
            (fresh / "cluster").rename(self._cluster)  # whole or not at all

    def _initdb_options(self, password: Path) -> list[str]:
        options = [f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
        # the machine's locales vary, this one is Postgres' own
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return [*options, "--no-sync"] if self.quick else options

    def _forget_stranger(self) -> None:
        # Postgres refuses to start while any process has the pid in its lock file: after a reboot anybody, after a kill
        # a zombie that nobody has reaped yet. Living backends of a dead one still keep it out, by their shared memory.
        lock = self._cluster / "postmaster.pid"
        with suppress(OSError, ValueError, psutil.Error):
            found = psutil.Process(int(lock.read_text().splitlines()[0]))
            if found.name() == "postgres" and found.status() != psutil.STATUS_ZOMBIE:
                found.send_signal(SIGINT)  # we hold the folder: a killed `up` had just started it
                found.wait(STOP_SECONDS)
            lock.unlink(missing_ok=True)
