"""A real server of the S3 protocol for tests: s3proxy with a folder behind it, on the Java of the embedded stack."""

import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orderbook.config import cache_dir
from orderbook.embedded import programs
from orderbook.embedded.jars import fetched_jars, locked_jars
from orderbook.embedded.ports import LOOPBACK, choose_port
from orderbook.embedded.process import Command, Process, wait_until

LOCK = Path(__file__).with_name("s3proxy.lock.toml")
KEYS = {"AWS_ACCESS_KEY_ID": "orderbook", "AWS_SECRET_ACCESS_KEY": "only-for-tests", "AWS_REGION": "us-east-1"}
BUCKET = "bucket"
PROPERTIES = """\
s3proxy.authorization=aws-v2-or-v4
s3proxy.endpoint=http://{host}:{port}
s3proxy.identity={AWS_ACCESS_KEY_ID}
s3proxy.credential={AWS_SECRET_ACCESS_KEY}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={folder}
"""


@dataclass(frozen=True, slots=True)
class S3:
    """The server: its port, and the folder that holds its buckets."""

    port: int
    folder: Path

    @property
    def objects(self) -> list[Path]:
        """The files of the bucket."""
        return sorted(path for path in (self.folder / BUCKET).rglob("*.parquet") if path.is_file())


@contextmanager
def s3_server() -> Iterator[S3]:
    """Started, with an empty bucket; stopped and removed afterwards."""
    jars = fetched_jars(cache_dir() / "s3proxy-3.0.0", locked_jars(LOCK))
    with tempfile.TemporaryDirectory(prefix="orderbook-s3-") as name:
        folder, port = Path(name), choose_port()
        (folder / "data" / BUCKET).mkdir(parents=True)
        properties = folder / "s3proxy.conf"
        properties.write_text(PROPERTIES.format(host=LOOPBACK, port=port, folder=folder / "data", **KEYS))
        java = [str(programs.java().home / "bin" / "java"), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        main = ["-cp", f"{jars}/*", "org.gaul.s3proxy.Main", "--properties", str(properties)]
        environment = {"PATH": os.defpath, "LOG_LEVEL": "warn"}
        process = Process(Command("s3proxy", [*java, *main], environment, grace_seconds=10), folder / "s3proxy.log")
        process.start()
        try:
            wait_until(lambda: _answers(port), process, 60)
            yield S3(port, folder / "data")
        finally:
            process.stop()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://{LOOPBACK}:{port}/", timeout=2).close()
    except urllib.error.HTTPError:
        return True  # it wants to know who asks
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """One server for all tests of a run."""
    with s3_server() as server:
        yield server
