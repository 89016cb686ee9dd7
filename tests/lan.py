"""Several hosts on one network: a network namespace each, a bridge between them, and servers on a host of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
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

NETWORK = "10.213.89"
SERVERS = f"{NETWORK}.1"  # where the servers are, seen from each host
PATHS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Host:
    """One machine of the network; its processes run behind ``prefix``."""

    name: str
    address: str
    bridge_port: str

    @property
    def prefix(self) -> list[str]:
        return [_ip(), "netns", "exec", self.name]

    def cut_off(self) -> None:
        """It is gone from the network, and nobody is told."""
        _run("link", "set", self.bridge_port, "down")


@contextmanager
def lan(count: int) -> Iterator[list[Host]]:
    """So many hosts, which see each other and us at ``SERVERS``. Needs root."""
    if os.geteuid() != 0 or not shutil.which("ip", path=PATHS):
        skip_at_home("only root makes network namespaces, with iproute2")
    key = uuid4().hex[:6]  # an interface's name has 15 characters at most
    bridge, made = f"ob-{key}", []
    if (
        subprocess.run([_ip(), "link", "add", bridge, "type", "bridge"], check=False, capture_output=True).returncode
        != 0
    ):
        skip_at_home("this machine lets nobody make networks")
    try:
        _run("addr", "add", f"{SERVERS}/24", "dev", bridge)
        _run("link", "set", bridge, "up")
        for number in range(count):
            made.append(Host(f"ob-{key}-{number}", f"{NETWORK}.{10 + number}", f"ob{key}p{number}"))
            _plug_in(made[-1], bridge)
        yield made
    finally:
        for host in made:
            subprocess.run([_ip(), "netns", "del", host.name], check=False, capture_output=True)
        subprocess.run([_ip(), "link", "del", bridge], check=False, capture_output=True)


def _plug_in(host: Host, bridge: str) -> None:
    _run("netns", "add", host.name)
    _run("link", "add", host.bridge_port, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    _run("link", "set", host.bridge_port, "master", bridge, "up")
    for line in ("link set lo up", f"addr add {host.address}/24 dev eth0", "link set eth0 up"):
        _run("-n", host.name, *line.split())


def _ip() -> str:
    return shutil.which("ip", path=PATHS) or "ip"


def _run(*arguments: str) -> None:
    subprocess.run([_ip(), *arguments], check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class LanKafka(Kafka):
    """Also listens at ``SERVERS``, and tells those who come by there to stay there."""

    lan_port: int = 0

    def prepare(self) -> Command:
        # the zero arguments of super() are not for dataclasses with slots
        command = Kafka.prepare(self)
        properties = self.folder / "server.properties"
        more = {
            "listeners=": f",LAN://{SERVERS}:{self.lan_port}",
            "advertised.listeners=": f",LAN://{SERVERS}:{self.lan_port}",
            "listener.security.protocol.map=": ",LAN:PLAINTEXT",
        }
        lines = [line + more.get(line.partition("=")[0] + "=", "") for line in properties.read_text().splitlines()]
        properties.write_text("\n".join([*lines, "inter.broker.listener.name=PLAINTEXT", ""]))
        return command


@dataclass(frozen=True, slots=True)
class LanPostgres(Postgres):
    """Also listens at ``SERVERS``, for the hosts of the network."""

    def prepare(self) -> Command:
        command = Postgres.prepare(self)
        rules = self.folder / "cluster" / "pg_hba.conf"
        rules.write_text(rules.read_text() + f"host all all {NETWORK}.0/24 scram-sha-256\n")
        both = f"listen_addresses={LOOPBACK},{SERVERS}"
        told = [both if part.startswith("listen_addresses=") else part for part in command.arguments]
        return replace(command, arguments=told)


@dataclass(frozen=True, slots=True)
class LanValkey(Valkey):
    """Also listens at ``SERVERS``."""

    def prepare(self) -> Command:
        command = Valkey.prepare(self)
        config = self.folder / "valkey.conf"
        config.write_text(config.read_text().replace(f"bind {LOOPBACK}", f"bind {LOOPBACK} {SERVERS}"))
        return command


def lan_servers(path: Path) -> Servers:
    """Servers that every host reaches, not yet started."""
    fleet = servers_in(DataFolder(path), standard_ports=False, quick=True)
    kafka, valkey, postgres = fleet.kafka, fleet.valkey, fleet.postgres
    fleet.kafka = LanKafka(kafka.folder, kafka.port, kafka.controller_port, kafka.account, lan_port=choose_port())
    fleet.valkey = LanValkey(valkey.folder, valkey.port, valkey.password, valkey.account)
    fleet.postgres = LanPostgres(postgres.folder, postgres.port, postgres.passwords, postgres.account, postgres.quick)
    return fleet


def seen_from_hosts(fleet: Servers, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a host reaches the servers."""
    assert isinstance(fleet.kafka, LanKafka)
    moved = {name: value.replace(f"@{LOOPBACK}:", f"@{SERVERS}:") for name, value in environment.items()}
    return {**moved, "KAFKA_BOOTSTRAP_SERVERS": f"{SERVERS}:{fleet.kafka.lan_port}"}
