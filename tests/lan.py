"""Several hosts on one network: a network namespace each, and a bridge between them; servers on a host of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from tests.conftest import skip_at_home
from tests.network import ip, ip_may, ip_program, need_namespaces

_PREFIX = "10.213.89"
NETWORK = f"{_PREFIX}.0/24"
SERVERS = f"{_PREFIX}.1"  # where the servers are, seen from each host


@dataclass(frozen=True)
class Host:
    """One machine of the network; its processes run behind ``prefix``."""

    name: str
    address: str
    bridge_port: str

    @property
    def prefix(self) -> list[str]:
        return [ip_program(), "netns", "exec", self.name]

    def cut_off(self) -> None:
        """It is gone from the network, and nobody is told."""
        ip("link", "set", self.bridge_port, "down")


@contextmanager
def lan(count: int) -> Iterator[list[Host]]:
    """So many hosts, which see each other and us at ``SERVERS``. Needs root."""
    need_namespaces()
    key = uuid4().hex[:6]  # an interface's name has 15 characters at most
    bridge, made = f"ob-{key}", []
    if not ip_may("link", "add", bridge, "type", "bridge"):
        skip_at_home("this machine lets nobody make networks")
    try:
        ip("addr", "add", f"{SERVERS}/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        for number in range(count):
            made.append(Host(f"ob-{key}-{number}", f"{_PREFIX}.{10 + number}", f"ob{key}p{number}"))
            _plug_in(made[-1], bridge)
        yield made
    finally:
        for host in made:
            ip_may("netns", "del", host.name)
        ip_may("link", "del", bridge)


def _plug_in(host: Host, bridge: str) -> None:
    ip("netns", "add", host.name)
    ip("link", "add", host.bridge_port, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    ip("link", "set", host.bridge_port, "master", bridge, "up")
    for line in ("link set lo up", f"addr add {host.address}/24 dev eth0", "link set eth0 up"):
        ip("-n", host.name, *line.split())
