"""What hosts in network namespaces share: the ``ip`` command, and servers that listen for them beside loopback."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orderbook.embedded.folder import DataFolder
from orderbook.embedded.kafka import Kafka
from orderbook.embedded.ports import LOOPBACK, choose_port
from orderbook.embedded.postgres import Postgres
from orderbook.embedded.process import Command
from orderbook.embedded.servers import Servers, servers_in
from orderbook.embedded.valkey import Valkey
from tests.conftest import skip_at_home
from tests.listener import add_listener

PATHS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def need_namespaces() -> None:
    """Skip the test where nobody may make a network; in CI it fails."""
    if os.geteuid() != 0 or not shutil.which("ip", path=PATHS):
        skip_at_home("only root makes network namespaces, with iproute2")


def ip_program() -> str:
    """Where ``ip`` is."""
    return shutil.which("ip", path=PATHS) or "ip"


def ip(*arguments: str) -> None:
    """Run ``ip`` with these; it must succeed."""
    subprocess.run([ip_program(), *arguments], check=True, capture_output=True)


def ip_may(*arguments: str) -> bool:
    """Run ``ip`` with these; whether it succeeded."""
    return subprocess.run([ip_program(), *arguments], check=False, capture_output=True).returncode == 0


@dataclass(frozen=True, slots=True)
class NearKafka(Kafka):
    """Also listens at ``near``, and tells those who come by there to stay there."""

    near: str = LOOPBACK
    near_port: int = 0

    def prepare(self) -> Command:
        # the zero arguments of super() are not for dataclasses with slots
        command = Kafka.prepare(self)
        add_listener(self.folder, "NEAR", f"{self.near}:{self.near_port}", "PLAINTEXT")
        return command


@dataclass(frozen=True, slots=True)
class NearPostgres(Postgres):
    """Also listens at ``near``, for clients of ``network``."""

    near: str = LOOPBACK
    network: str = f"{LOOPBACK}/32"

    def prepare(self) -> Command:
        command = Postgres.prepare(self)
        rules = self.folder / "cluster" / "pg_hba.conf"
        rule = f"host all all {self.network} scram-sha-256\n"
        if rule not in rules.read_text():
            rules.write_text(rules.read_text() + rule)
        both = f"listen_addresses={LOOPBACK},{self.near}"
        told = [both if part.startswith("listen_addresses=") else part for part in command.arguments]
        return replace(command, arguments=told)


@dataclass(frozen=True, slots=True)
class NearValkey(Valkey):
    """Also listens at ``near``."""

    near: str = LOOPBACK

    def prepare(self) -> Command:
        command = Valkey.prepare(self)
        config = self.folder / "valkey.conf"
        config.write_text(config.read_text().replace(f"bind {LOOPBACK}", f"bind {LOOPBACK} {self.near}"))
        return command


def near_servers(path: Path, near: str, network: str) -> Servers:
    """Servers that the hosts of ``network`` reach at our address ``near``, not yet started."""
    fleet = servers_in(DataFolder(path), standard_ports=False, quick=True)
    k, v, p = fleet.kafka, fleet.valkey, fleet.postgres
    fleet.kafka = NearKafka(k.folder, k.port, k.controller_port, k.account, near=near, near_port=choose_port())
    fleet.valkey = NearValkey(v.folder, v.port, v.password, v.account, near=near)
    fleet.postgres = NearPostgres(p.folder, p.port, p.passwords, p.account, p.quick, near=near, network=network)
    return fleet


def seen_from_there(fleet: Servers, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which those hosts reach the servers."""
    kafka = fleet.kafka
    assert isinstance(kafka, NearKafka)
    moved = {name: value.replace(f"@{LOOPBACK}:", f"@{kafka.near}:") for name, value in environment.items()}
    return {**moved, "KAFKA_BOOTSTRAP_SERVERS": f"{kafka.near}:{kafka.near_port}"}
