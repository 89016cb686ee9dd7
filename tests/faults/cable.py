"""A host at the other end of a cable: a network namespace, a veth pair, and servers that listen on its near end."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from orderbook.embedded.folder import DataFolder
from orderbook.embedded.kafka import Kafka
from orderbook.embedded.ports import LOOPBACK, choose_port
from orderbook.embedded.postgres import Postgres
from orderbook.embedded.process import Command
from orderbook.embedded.servers import Servers, servers_in
from orderbook.embedded.valkey import Valkey
from tests.conftest import skip_at_home

NEAR, FAR = "10.213.87.1", "10.213.87.2"


@dataclass(frozen=True)
class Cable:
    """``name`` is that of the namespace; the far host's processes run behind ``prefix``."""

    name: str

    @property
    def prefix(self) -> list[str]:
        return [_ip(), "netns", "exec", self.name]

    def cut(self) -> None:
        """No packet passes, and nobody is told."""
        _run("-n", self.name, "link", "set", "far", "down")

    def mend(self) -> None:
        """It is plugged in again."""
        _run("-n", self.name, "link", "set", "far", "up")


@contextmanager
def cable() -> Iterator[Cable]:
    """A far host at ``FAR`` that sees us at ``NEAR``. Needs root."""
    if os.geteuid() != 0 or not shutil.which("ip", path=_PATH):
        skip_at_home("only root makes network namespaces, with iproute2")
    name = f"ob-{uuid4().hex[:8]}"  # an interface's name has 15 characters at most
    if subprocess.run([_ip(), "netns", "add", name], check=False, capture_output=True).returncode != 0:
        skip_at_home("this machine lets nobody make network namespaces")
    try:
        _run("link", "add", name, "type", "veth", "peer", "name", "far", "netns", name)
        _run("addr", "add", f"{NEAR}/30", "dev", name)
        _run("link", "set", name, "up")
        for line in ("link set lo up", f"addr add {FAR}/30 dev far", "link set far up"):
            _run("-n", name, *line.split())
        yield Cable(name)
    finally:
        subprocess.run([_ip(), "link", "del", name], check=False, capture_output=True)
        subprocess.run([_ip(), "netns", "del", name], check=False, capture_output=True)


_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _ip() -> str:
    return shutil.which("ip", path=_PATH) or "ip"


def _run(*arguments: str) -> None:
    subprocess.run([_ip(), *arguments], check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class WiredKafka(Kafka):
    """Also listens at ``NEAR``, and tells those who come by there to stay there."""

    wired_port: int = 0

    def prepare(self) -> Command:
        # the zero arguments of super() are not for dataclasses with slots
        command = Kafka.prepare(self)
        properties = self.folder / "server.properties"
        more = {
            "listeners=": f",WIRED://{NEAR}:{self.wired_port}",
            "advertised.listeners=": f",WIRED://{NEAR}:{self.wired_port}",
            "listener.security.protocol.map=": ",WIRED:PLAINTEXT",
        }
        lines = [line + more.get(line.partition("=")[0] + "=", "") for line in properties.read_text().splitlines()]
        properties.write_text("\n".join([*lines, "inter.broker.listener.name=PLAINTEXT", ""]))
        return command


@dataclass(frozen=True, slots=True)
class WiredPostgres(Postgres):
    """Also listens at ``NEAR``."""

    def prepare(self) -> Command:
        command = Postgres.prepare(self)
        rules = self.folder / "cluster" / "pg_hba.conf"
        rule = f"host all all {FAR}/32 scram-sha-256\n"
        if rule not in rules.read_text():
            rules.write_text(rules.read_text() + rule)
        both = f"listen_addresses={LOOPBACK},{NEAR}"
        return _with(command, [both if part.startswith("listen_addresses=") else part for part in command.arguments])


@dataclass(frozen=True, slots=True)
class WiredValkey(Valkey):
    """Also listens at ``NEAR``."""

    def prepare(self) -> Command:
        command = Valkey.prepare(self)
        config = self.folder / "valkey.conf"
        config.write_text(config.read_text().replace(f"bind {LOOPBACK}", f"bind {LOOPBACK} {NEAR}"))
        return command


def _with(command: Command, arguments: Sequence[str]) -> Command:
    return replace(command, arguments=arguments)


def wired_servers(path: Path) -> Servers:
    """Servers that the far host reaches too, not yet started."""
    fleet = servers_in(DataFolder(path), standard_ports=False, quick=True)
    kafka, valkey, postgres = fleet.kafka, fleet.valkey, fleet.postgres
    fleet.kafka = WiredKafka(kafka.folder, kafka.port, kafka.controller_port, kafka.account, wired_port=choose_port())
    fleet.valkey = WiredValkey(valkey.folder, valkey.port, valkey.password, valkey.account)
    fleet.postgres = WiredPostgres(postgres.folder, postgres.port, postgres.passwords, postgres.account, postgres.quick)
    return fleet


def seen_from_afar(fleet: Servers, environment: dict[str, str]) -> dict[str, str]:
    """The variables by which the far host reaches the servers."""
    assert isinstance(fleet.kafka, WiredKafka)
    moved = {name: value.replace(f"@{LOOPBACK}:", f"@{NEAR}:") for name, value in environment.items()}
    return {**moved, "KAFKA_BOOTSTRAP_SERVERS": f"{NEAR}:{fleet.kafka.wired_port}"}
