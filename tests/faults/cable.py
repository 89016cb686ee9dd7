"""A host at the other end of a cable: a network namespace, a veth pair, and servers that listen on its near end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from tests.conftest import skip_at_home
from tests.network import ip, ip_may, ip_program, need_namespaces

NEAR, FAR = "10.213.87.1", "10.213.87.2"


@dataclass(frozen=True)
class Cable:
    """``name`` is that of the namespace; the far host's processes run behind ``prefix``."""

    name: str

    @property
    def prefix(self) -> list[str]:
        return [ip_program(), "netns", "exec", self.name]

    def cut(self) -> None:
        """No packet passes, and nobody is told."""
        ip("-n", self.name, "link", "set", "far", "down")

    def mend(self) -> None:
        """It is plugged in again."""
        ip("-n", self.name, "link", "set", "far", "up")


@contextmanager
def cable() -> Iterator[Cable]:
    """A far host at ``FAR`` that sees us at ``NEAR``. Needs root."""
    need_namespaces()
    name = f"ob-{uuid4().hex[:8]}"  # an interface's name has 15 characters at most
    if not ip_may("netns", "add", name):
        skip_at_home("this machine lets nobody make network namespaces")
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "far", "netns", name)
        ip("addr", "add", f"{NEAR}/30", "dev", name)
        ip("link", "set", name, "up")
        for line in ("link set lo up", f"addr add {FAR}/30 dev far", "link set far up"):
            ip("-n", name, *line.split())
        yield Cable(name)
    finally:
        ip_may("link", "del", name)
        ip_may("netns", "del", name)
