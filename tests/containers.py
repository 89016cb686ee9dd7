"""Services as Docker or Kubernetes runs them, as processes of this machine: their commands, environments, checks."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from orderbook.embedded.account import Account
from orderbook.embedded.folder import DataFolder
from orderbook.embedded.ports import choose_port
from orderbook.embedded.process import SIGKILL, Command, Process
from orderbook.embedded.servers import servers_in
from tests.compose import Image, seconds
from tests.conftest import wait_for
from tests.servers import RunningServers, new_data_dir

PORTS = ("5555", "8080", "9464", "9465")
ENDED = (0, -15)  # by itself, or of the SIGTERM that its init passes on


@dataclass
class Containers:
    """Services as processes. Each has the ports of its container at others of this machine."""

    image: Image
    servers: RunningServers
    folder: Path
    services: Mapping[str, dict[str, Any]]
    ports: Mapping[str, int]  # by the port inside the container
    running: dict[str, Process] = field(default_factory=dict)

    def environment(self, name: str) -> dict[str, str]:
        """What the service is told, with our hosts, and what Docker adds."""
        docker = {**self.image.variables, "HOSTNAME": socket.gethostname(), "HOME": "/nonexistent"}
        told = {variable: self._here(str(value)) for variable, value in self.services[name]["environment"].items()}
        ports = {
            "FLOWER_PORT": self.ports["5555"],
            "ORDERBOOK_API__PORT": self.ports["8080"],
            "ORDERBOOK_METRICS__PORT": self.ports["9464"],
            "ORDERBOOK_METRICS__WORKER_PORT": self.ports["9465"],
        }
        return {**docker, **told, **{variable: str(port) for variable, port in ports.items()}}

    def start(self, name: str) -> Process:
        """Start a service as ``docker compose up`` does."""
        service = self.services[name]
        command = Command(
            name,
            self._found(service["command"], self.environment(name)),
            self.environment(name),
            grace_seconds=seconds(service["stop_grace_period"]),
            orphan_signal=SIGKILL,
            account=_nobody(self.image.uid),
            folder=self.image.working_directory,
        )
        self.running[name] = Process(command, self.folder / f"{name}.log")
        self.running[name].start()
        return self.running[name]

    def is_healthy(self, name: str) -> bool:
        """What its health check says, run once; a service that ended fails the test."""
        process, check = self.running[name], self.services[name]["healthcheck"]
        assert process.exit_code is None, f"{name} ended: {process.last_lines(20)}"
        kind, *words = check["test"]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        try:
            return self.run(name, command, seconds(check["timeout"])).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def run(self, name: str, command: list[str], limit: float = 60) -> subprocess.CompletedProcess[str]:
        """As ``docker compose exec`` does, in a service's container."""
        account = {"user": self.image.uid, "group": self.image.uid, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.run(
            self._found(command, self.environment(name)),
            cwd=self.image.working_directory,
            env=self.environment(name),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            **account,  # type: ignore[call-overload]
        )

    def finish(self, name: str) -> None:
        """Start one that ends by itself, and wait until it has succeeded."""
        process = self.start(name)
        wait_for(lambda: process.exit_code is not None, 120, what=f"{name} has ended")
        assert process.exit_code == 0, process.last_lines(20)

    def stop(self, name: str) -> None:
        """Ask a service to stop; one that does not within its grace fails the test."""
        process = self.running[name]
        process.ask_to_stop()
        wait_for(lambda: process.exit_code is not None, process.command.grace_seconds, what=f"{name} stops")
        assert process.exit_code in ENDED, (name, process.last_lines(20))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.servers.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def _found(self, command: list[str], environment: Mapping[str, str]) -> list[str]:
        program = shutil.which(command[0], path=environment["PATH"])
        assert program is not None, command
        return [program, *(self._here(word) for word in command[1:])]

    def _here(self, text: str) -> str:
        """Hosts of the containers' network as they are on this machine."""
        hosts = {
            "kafka:9092": self.servers.kafka_bootstrap,
            "@postgres:5432": f"@{urlsplit(self.servers.database_url).netloc.rpartition('@')[2]}",
            "@redis:6379": f"@{urlsplit(self.servers.redis_url).netloc.rpartition('@')[2]}",
            **{f"//localhost:{inside}/": f"//localhost:{port}/" for inside, port in self.ports.items()},
        }
        for theirs, ours in hosts.items():
            text = text.replace(theirs, ours)
        return text


def _nobody(uid: int) -> Account | None:
    return Account("nobody", uid, uid) if os.geteuid() == 0 else None


@contextmanager
def empty_servers() -> Iterator[RunningServers]:
    """Servers of one's own, without a schema or a topic."""
    path = new_data_dir()
    try:
        with servers_in(DataFolder(path), standard_ports=False, quick=True) as fleet:
            yield RunningServers.of(fleet)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def containers(
    image: Image, servers: RunningServers, folder: Path, services: Mapping[str, dict[str, Any]]
) -> Iterator[Containers]:
    """A container for each service, none started; whatever was started is ended."""
    made = Containers(image, servers, folder, services, {inside: choose_port() for inside in PORTS})
    try:
        yield made
    finally:
        for process in made.running.values():
            process.kill()
