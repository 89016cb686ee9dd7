"""The users' own commands as real processes over a test's servers: each with a log file, none left over."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
from redis import Redis

from orderbook import config
from orderbook.config import Settings
from orderbook.embedded.process import SIGKILL, Command, Process
from orderbook.stream.topics import LogBounds, TopicClient
from tests.conftest import KEPT, wait_for
from tests.servers import RunningServers

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(sys.executable).parent
SYMBOLS = "TTF-GAS,NBP-GAS,THE-GAS,PEG-GAS,ZTP-GAS,PSV-GAS,AUT-GAS,CZV-GAS,PVB-GAS,ETF-GAS,NCG-GAS,GPL-GAS"
WORKER_GRACE_SECONDS = 65.0  # a task's hard limit is 60


@dataclass
class Deployment:
    """A topic, a database and a group of its own, and the processes that run over them."""

    servers: RunningServers
    database_url: str = field(repr=False)
    topic: str
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    running: dict[str, Process] = field(default_factory=dict)
    behind: Sequence[str] = ()  # a command that each process is run by
    code: Path = ROOT  # where the package lies that they run
    _connection: Any = None

    def worker(self, name: str = "worker", *, processes: int = 2, flags: str = "", **settings: str) -> Process:
        """Start ``celery worker``; ``settings`` are environment variables."""
        line = f"celery -A orderbook worker -n {name}@%h -c {processes} {flags}"
        return self.start(name, line, grace_seconds=WORKER_GRACE_SECONDS, **settings)

    def beat(self, name: str = "beat") -> Process:
        """Start ``celery beat``."""
        return self.start(name, "celery -A orderbook beat")

    def simulator(self, flags: str, name: str = "simulator") -> Process:
        """Start the simulator; what Kafka acknowledged goes to ``sent``."""
        line = f"python -m orderbook.simulator --ledger {self.sent} {flags}"
        return self.start(name, line, grace_seconds=30)

    def start(self, name: str, line: str, *, grace_seconds: float = 15, **settings: str) -> Process:
        """Start a command as typed in a shell, with its output in ``NAME.log``."""
        program, *rest = shlex.split(line)
        environment = {**self.environment, **settings}
        command = Command(
            name,
            [*self.behind, str(PROGRAMS / program), *rest],
            environment,
            grace_seconds=grace_seconds,
            orphan_signal=SIGKILL,
            folder=self.code,  # flowerconfig.py is read from the working directory
        )
        process = Process(command, self.folder / f"{name}.log")
        process.start()
        self.running[name] = process
        return process

    def run(self, line: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; its output is text."""
        program, *rest = shlex.split(line)
        return subprocess.run(
            [PROGRAMS / program, *rest],
            env=dict(self.environment),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def stop(self) -> None:
        """Stop the simulators, then the beats, then the workers; all at once within a kind."""
        for kind in ("simulator", "beat", ""):
            ending = [self.running.pop(name) for name in list(self.running) if name.startswith(kind)]
            for process in ending:
                process.ask_to_stop()
            for process in ending:
                process.stop()

    @property
    def sent(self) -> Path:
        """The simulator's ledger."""
        return self.folder / "sent.ndjson"

    @property
    def crashpoints(self) -> Path:
        """A folder for crashpoints; those see it who are started with it as ``ORDERBOOK_CRASHPOINTS``."""
        path = self.folder / "crashpoints"
        path.mkdir(exist_ok=True)
        return path

    @property
    def settings(self) -> Settings:
        """What the processes see, for what a test asks Kafka itself."""
        return Settings(
            database={"url": self.database_url},
            redis={"url": self.servers.redis_url},
            kafka={
                "bootstrap_servers": self.servers.kafka_bootstrap,
                "topic": self.topic,
                "group_id": self.environment["ORDERBOOK_KAFKA__GROUP_ID"],
            },
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a query returns."""
        try:
            return self._ask(statement)
        except psycopg2.OperationalError:  # a test has killed the server since: the new one knows
            return self._ask(statement)

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg2.connect(self.database_url)
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def prefix(self) -> dict[int, int]:
        """The finished prefix of each partition."""
        return dict(self.rows("SELECT partition, committed FROM partition_cursor"))  # type: ignore[arg-type]

    def ends(self) -> dict[int, int]:
        """Where the log ends now, by partition."""
        return {partition: bounds.end for partition, bounds in self.bounds().items()}

    def bounds(self) -> dict[int, LogBounds]:
        with TopicClient(self.settings.kafka) as client:
            return client.bounds(client.identity().partitions)

    def projected(self) -> dict[int, int]:
        """The group's offsets in Kafka."""
        with TopicClient(self.settings.kafka) as client:
            return client.projected()

    def wait_for_prefix(self, ends: Mapping[int, int], seconds: float) -> None:
        """Wait until the prefix has reached ``ends`` in every partition."""
        wait_for(lambda: reaches(self.prefix(), ends), seconds, what=f"the prefix reaches {ends}")

    def logs(self) -> str:
        """All that the processes said, the simulator apart."""
        files = [path for path in self.folder.glob("*.log") if not path.name.startswith("simulator")]
        return "\n".join(path.read_text(errors="replace") for path in sorted(files))


def reaches(prefix: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    """Whether every partition is finished up to its end."""
    return all(prefix.get(partition, -1) >= end for partition, end in ends.items())


@contextmanager
def deployment_over(
    servers: RunningServers, template: str, topic: str | None = None, **settings: str
) -> Iterator[Deployment]:
    """A deployment without processes, on a new topic or over one that is there; whatever was started is stopped."""
    topic, owns_topic = topic or f"test.{uuid4().hex[:12]}", topic is None
    url = servers.create_database(template)
    with Redis.from_url(servers.redis_url) as client:
        client.flushall()
    with tempfile.TemporaryDirectory(prefix="orderbook-deployment-") as folder:
        environment = _environment(servers, url, topic) | settings
        made = Deployment(servers, url, topic, Path(folder), environment)
        try:
            if owns_topic:
                with TopicClient(made.settings.kafka) as kafka:
                    kafka.create()
            yield made
        finally:
            made.stop()
            if made._connection is not None:
                made._connection.close()
            servers.drop_database(url)


def _environment(servers: RunningServers, url: str, topic: str) -> dict[str, str]:
    ours = {n: v for n, v in os.environ.items() if n not in config.WELL_KNOWN and not n.startswith(config.PREFIX)}
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **ours,
        **kept,
        "PATH": os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap,
        **servers.roles(url),
        "REDIS_URL": servers.redis_url,
        "ORDERBOOK_METRICS__ENABLED": "false",  # tests count and stop a worker's children; /metrics is one more
        "ORDERBOOK_KAFKA__TOPIC": topic,
        "ORDERBOOK_KAFKA__GROUP_ID": f"group.{uuid4().hex[:12]}",
    }
