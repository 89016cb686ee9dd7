"""Kafka's jars: named and summed in ``kafka.lock.toml``, fetched once into the user's cache, verified at every use.

``python -m orderbook.embedded.jars`` fetches them (``make install`` does it); with ``lock`` it resolves them anew and
rewrites the lock.
"""

import hashlib
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from orderbook.config import cache_dir, settings
from orderbook.embedded.programs import Program
from orderbook.errors import ConfigError, Unavailable

KAFKA_VERSION = "4.4.0"
# slf4j-simple: Kafka's own choice, log4j, needs a configuration file and four more jars
ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
LOCK = Path(__file__).with_name("kafka.lock.toml")
FETCH = "make install (or: python -m orderbook.embedded.jars)"


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    coordinate: str  # group:artifact:version
    sha256: str

    @property
    def file_name(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def locked_jars(lock: Path = LOCK) -> tuple[Jar, ...]:
    """What the lock names."""
    return tuple(Jar(**entry) for entry in tomllib.loads(lock.read_text())["jar"])


def kafka_jars() -> Program:
    """Kafka's jars: of ``ORDERBOOK_KAFKA_HOME`` as they are, else of the cache, verified, and filled first if need be.

    Raises ``Unavailable`` where they are neither there nor to be fetched.
    """
    home = settings().kafka_home
    if home is None:
        jars, name = fetched_jars(), f"kafka-{KAFKA_VERSION}"
    else:
        jars = jars_of(home)
        name = f"kafka-{_summed(jars)}"
    return Program(jars.parent, Path(jars.name), name)


def jars_of(home: Path) -> Path:
    """The jars of a Kafka somebody else brought: a folder of jars, or an unpacked release with them in ``libs``.

    Raises ``ConfigError`` where there are none.
    """
    for folder in (home / "libs", home):
        if any(folder.glob("kafka_2.*.jar")):
            return folder.absolute()
    raise ConfigError(f"ORDERBOOK_KAFKA_HOME: no kafka_2.13-*.jar in {home} or its libs")


def fetched_jars(folder: Path | None = None, jars: tuple[Jar, ...] | None = None) -> Path:
    """The cached jars, each with the sum that the lock names; what is missing or spoilt is fetched."""
    folder = folder or cache_dir() / f"kafka-{KAFKA_VERSION}"
    jars = locked_jars() if jars is None else jars
    wrong = [jar for jar in jars if not _is_intact(folder / jar.file_name, jar)]
    if wrong:
        _fetch(wrong, folder)
    return folder


def _summed(folder: Path) -> str:
    sums = (hashlib.sha256(path.name.encode() + path.read_bytes()).digest() for path in sorted(folder.glob("*.jar")))
    return hashlib.sha256(b"".join(sums)).hexdigest()[:16]


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256
    except OSError:
        return False


def _fetch(jars: Iterable[Jar], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as download, ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda jar: _fetch_one(jar, Path(download), folder), jars):
                pass
    except OSError as error:  # requests' errors are OSErrors too
        raise Unavailable(
            f"Kafka's jars are not in {folder} and cannot be fetched ({type(error).__name__}): "
            f"run {FETCH} with a network, or set ORDERBOOK_KAFKA_HOME to a folder with them"
        ) from error


def _fetch_one(jar: Jar, download: Path, folder: Path) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415 -- only where something must be fetched

    group, artifact, version = jar.coordinate.split(":")
    context = MavenContext(repo_cache=download, timeout=30)
    try:
        fetched = context.project(group, artifact).at_version(version).artifact().resolve()
    except RuntimeError as error:  # what jgo raises where no repository has it
        raise ConnectionError(str(error)) from error
    if not _is_intact(fetched, jar):
        raise Unavailable(f"{jar.coordinate} arrived with other bytes than {LOCK.name} names: not used")
    fetched.chmod(0o644)
    fetched.replace(folder / jar.file_name)


def resolve_lock() -> str:
    """The text of a new lock: the endpoint resolved anew, each jar with its sum."""
    import jgo  # noqa: PLC0415 -- only where something must be fetched

    with tempfile.TemporaryDirectory() as cache:
        resolved = jgo.build(ENDPOINT, cache_dir=Path(cache)).lockfile
        assert resolved is not None
        lines = [f"# The jars of {ENDPOINT}; made by `python -m orderbook.embedded.jars lock`."]
        for jar in sorted(resolved.dependencies, key=lambda jar: (jar.groupId, jar.artifactId)):
            coordinate = f"{jar.groupId}:{jar.artifactId}:{jar.version}"
            lines += ["", "[[jar]]", f'coordinate = "{coordinate}"', f'sha256 = "{jar.sha256}"']
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Fetch the jars, or rewrite the lock."""
    if arguments == ["lock"]:
        LOCK.write_text(resolve_lock())
        return 0
    try:
        print(kafka_jars().home)
    except (ConfigError, Unavailable) as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
