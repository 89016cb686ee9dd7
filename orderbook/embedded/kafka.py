"""Apache Kafka: one KRaft node on loopback."""

import base64
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from orderbook.embedded import programs
from orderbook.embedded.account import Account, reachable
from orderbook.embedded.folder import make_private, plain_environment
from orderbook.embedded.jars import KAFKA_VERSION, kafka_jars
from orderbook.embedded.ports import LOOPBACK
from orderbook.embedded.process import Command, run_to_end

HEAP = "-Xmx512m"  # 390 MB resident under load

QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # for a JVM that lives a second: 0.6 s of CPU, not 1.0

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dirs}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# a killed broker is let back in once its old session is over: 5 s after the kill instead of 13
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
"""


@dataclass(frozen=True, slots=True)
class Kafka:
    """Kafka with its data in one folder."""

    folder: Path
    port: int
    controller_port: int
    account: Account | None = None
    name: str = "kafka"
    text: str = f"Kafka {KAFKA_VERSION}"

    @property
    def bootstrap_servers(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> Command:
        """Write the configuration, format the folder the first time; what starts the broker."""
        logs = self.folder / "logs"
        for folder in (self.folder, logs, self.folder / "tmp"):
            make_private(folder, self.account)
        properties = self.folder / "server.properties"
        properties.write_text(
            PROPERTIES.format(host=LOOPBACK, port=self.port, controller_port=self.controller_port, log_dirs=logs)
        )
        properties.chmod(0o644)
        java = self._java()
        if not (logs / "meta.properties").exists():
            self._format(java, properties)
        return Command(
            self.name,
            [*java, "kafka.Kafka", str(properties)],
            plain_environment(self.folder),
            grace_seconds=20,
            account=self.account,
            folder=self.folder,
        )

    def is_ready(self) -> bool:
        """Whether the broker answers and takes part in its cluster, so that topics can be made."""
        return answers(self.port)

    def settle(self) -> None:
        """Nothing is left to do once it answers."""

    def _java(self) -> list[str]:
        home = reachable(programs.java(), self.account)
        jars = reachable(kafka_jars(), self.account)
        return [
            str(home / "bin" / "java"),
            HEAP,
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",  # native parts are unpacked there; /tmp may be noexec
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
            "-cp",
            f"{jars}/*",
        ]

    def _format(self, java: list[str], properties: Path) -> None:
        cluster_id = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        named = f"--cluster-id={cluster_id}"  # in one word: each 64th id begins with a dash
        arguments = ["kafka.tools.StorageTool", "format", "--ignore-formatted", named, "-c", str(properties)]
        run_to_end(
            Command(
                f"formatting Kafka's folder {self.folder}",
                [java[0], *QUICK_START, *java[1:], *arguments],
                plain_environment(self.folder),
                account=self.account,
                folder=self.folder,
            )
        )


def answers(port: int) -> bool:
    """Whether a broker there lists an unfenced broker of its cluster (a DescribeCluster request, version 0).

    The raw protocol: a port that accepts is not yet a cluster that makes topics.
    """
    request = struct.pack(">hhih", 60, 0, 1, -1) + b"\x00" + b"\x00" + b"\x00"  # no client id, no tags; no operations
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            reply = _read(connection, struct.unpack(">i", _read(connection, 4))[0])
    except (OSError, EOFError):
        return False
    return _unfenced_brokers(reply) > 0


def _unfenced_brokers(reply: bytes) -> int:
    error = struct.unpack_from(">h", reply, 9)[0]  # after correlation id, tags, throttle time
    if error != 0:
        return 0
    at = 11
    for _ in ("error message", "cluster id"):  # each as length + 1, then its bytes
        at += max(1, reply[at])
    at += 4  # the controller's id
    return reply[at] - 1


def _read(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return received
