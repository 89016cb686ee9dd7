"""What ``orderbook up`` runs beside the servers: each as the very command that users type."""

import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from orderbook.embedded.folder import MARK, DataFolder
from orderbook.embedded.process import SIGKILL, SIGTERM, Command
from orderbook.embedded.servers import Addresses

ROOT = "ORDERBOOK_ARCHIVE__ROOT"
AREAS = "ORDERBOOK_ENERGY__AREAS"
WORKER_GRACE_SECONDS = 65.0  # a task's hard limit is 60

# would send a child elsewhere than to our servers
FOREIGN = re.compile(
    r"CELERY_BROKER|FLOWER_|ORDERBOOK_(DATABASE|REDIS)__\w*URL$|ORDERBOOK_(DATABASE|REDIS|KAFKA)$"
    r"|ORDERBOOK_KAFKA__(BOOTSTRAP_SERVERS|SECURITY_PROTOCOL|SASL_|SSL_|REPLICATION_FACTOR)"
)


@dataclass(frozen=True, slots=True)
class Typed:
    """A command line, and the child that runs it."""

    text: str
    command: Command


def cold_root(ours: Mapping[str, str], folder: DataFolder) -> str:
    """Where days are frozen to: where our environment says, else in the data folder."""
    return ours.get(ROOT) or str(folder.path / "cold")


def child_environment(ours: Mapping[str, str], folder: DataFolder, addresses: Addresses) -> dict[str, str]:
    """Our environment, with nothing in it that leads away from the embedded servers."""
    kept = {name: value for name, value in ours.items() if not FOREIGN.match(name)}
    return own_environment(kept, folder) | addresses.environment() | {ROOT: cold_root(ours, folder)}


def own_environment(ours: Mapping[str, str], folder: DataFolder) -> dict[str, str]:
    """Our environment, for children over servers of one's own: all that it says of them holds."""
    binaries = str(Path(sys.executable).parent)
    path = os.pathsep.join([binaries, ours.get("PATH", os.defpath)])
    return {**ours, "PATH": path, "PYTHONUNBUFFERED": "1", MARK: str(folder.path)}


def steps(environment: Mapping[str, str]) -> tuple[Typed, Typed]:
    """What makes the servers ready for the pipeline: the schema, then the topic."""
    return (
        _typed("migrations", "orderbook db upgrade", environment),
        _typed("topic", "orderbook topics create", environment),
    )


def simulator(environment: Mapping[str, str], flags: Iterable[str]) -> Typed:
    """The feed."""
    return _typed(
        "simulator", shlex.join(["python", "-m", "orderbook.simulator", *flags]), environment, grace_seconds=15
    )


def celery(environment: Mapping[str, str], flower_address: str, flower_port: int) -> tuple[Typed, Typed, Typed]:
    """Beat, worker, Flower. They hold nothing that matters: when we die, so do they, at once."""
    # both flags though flowerconfig.py says the first: it is only read from the working directory
    flower = f"celery -A orderbook flower --address={flower_address} --port={flower_port}"
    return (
        _typed("beat", "celery -A orderbook beat", environment, orphan_signal=SIGKILL),
        _typed(
            "worker",
            "celery -A orderbook worker",
            environment,
            orphan_signal=SIGKILL,
            grace_seconds=WORKER_GRACE_SECONDS,
        ),
        _typed("flower", flower, environment, orphan_signal=SIGKILL),
    )


def exporter(environment: Mapping[str, str], port: int) -> Typed:
    """The metrics of the pipeline."""
    return _typed("exporter", f"orderbook exporter --port {port}", environment)


def api(environment: Mapping[str, str], port: int, flower: str) -> Typed:
    """The HTTP interface and the live page, on loopback; ``flower`` is where the page links to, unless we were told."""
    told = {"ORDERBOOK_API__FLOWER_URL": flower, **environment}
    return _typed("api", f"orderbook api --address 127.0.0.1 --port {port}", told)


def _typed(
    name: str,
    text: str,
    environment: Mapping[str, str],
    *,
    orphan_signal: Signals = SIGTERM,
    grace_seconds: float = 10,
) -> Typed:
    program, *rest = shlex.split(text)
    binary = sys.executable if program == "python" else str(Path(sys.executable).with_name(program))
    command = Command(name, [binary, *rest], environment, grace_seconds=grace_seconds, orphan_signal=orphan_signal)
    return Typed(text, command)
