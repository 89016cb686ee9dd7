"""Kafka's jars: what the lock names is what runs."""

import hashlib
import re
from pathlib import Path

import pytest

from orderbook.config import settings
from orderbook.embedded import jars
from orderbook.embedded.jars import LOCK, Jar, fetched_jars, jars_of, kafka_jars, locked_jars
from orderbook.errors import ConfigError, Unavailable

CONTENT = b"not really a jar"
GOOD = Jar("org.example:good:1.0", hashlib.sha256(CONTENT).hexdigest())


def test_the_lock_names_kafka_with_sums_and_no_host() -> None:
    locked = locked_jars()
    assert any(jar.coordinate == f"org.apache.kafka:kafka_2.13:{jars.KAFKA_VERSION}" for jar in locked)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in locked)
    assert len({jar.file_name for jar in locked}) == len(locked)
    assert "//" not in LOCK.read_text()


def test_intact_jars_are_used_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "good-1.0.jar").write_bytes(CONTENT)
    assert fetched_jars(tmp_path, (GOOD,)) == tmp_path


@pytest.mark.parametrize("content", [None, b"spoilt"])
def test_missing_or_spoilt_jars_without_a_network_name_both_ways_out(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(*arguments: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(jars, "_fetch_one", unplugged)
    if content is not None:
        (tmp_path / "good-1.0.jar").write_bytes(content)
    with pytest.raises(Unavailable, match=r"make install .* ORDERBOOK_KAFKA_HOME"):
        fetched_jars(tmp_path / "", (GOOD,))


@pytest.mark.parametrize("where", [".", "libs"])
def test_a_kafka_of_ones_own_is_a_folder_of_jars_or_a_release(where: str, tmp_path: Path) -> None:
    folder = tmp_path / where
    folder.mkdir(exist_ok=True)
    (folder / "kafka_2.13-4.4.0.jar").touch()
    assert jars_of(tmp_path) == folder


def test_a_folder_without_kafka_is_a_wrong_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBOOK_KAFKA_HOME", str(tmp_path))
    settings.cache_clear()
    with pytest.raises(ConfigError, match="ORDERBOOK_KAFKA_HOME"):
        kafka_jars()
