"""The data folder, and how others find the servers."""

import os
import signal
import stat
from pathlib import Path

import pytest

from orderbook import config
from orderbook.embedded.folder import ACCOUNTS, DataFolder
from orderbook.embedded.interrupts import Interrupts, Stopping
from orderbook.embedded.pipeline import celery, child_environment, simulator
from orderbook.embedded.servers import Addresses
from orderbook.embedded.services import announced
from orderbook.embedded.up import reset

DATABASE = "postgresql://{}:a'b@127.0.0.1:5432/marketdata"
ADDRESSES = Addresses(
    kafka_bootstrap="127.0.0.1:9092",
    database_url=DATABASE.format("market"),
    ingest_url=DATABASE.format("market_ingest"),
    reader_url=DATABASE.format("market_reader"),
    archiver_url=DATABASE.format("market_archiver"),
    redis_url="redis://:x@127.0.0.1:6379/0",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """A data folder, seen from another working directory."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    pointer = Path(".orderbook") / "services"
    monkeypatch.setattr(config, "POINTER", pointer)
    monkeypatch.setattr("orderbook.embedded.services.POINTER", pointer)
    made = DataFolder(tmp_path / "data")
    made.make()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_passwords_are_generated_once_and_private(folder: DataFolder) -> None:
    passwords = folder.passwords()
    assert len(set(passwords.values())) == len(ACCOUNTS)
    assert all(len(password) >= 32 for password in passwords.values())
    assert DataFolder(folder.path).passwords() == passwords
    assert mode(folder.path / "passwords.json") == 0o600


def test_running_servers_are_found_from_where_up_was_typed(folder: DataFolder) -> None:
    with announced(folder, ADDRESSES, ORDERBOOK_METRICS__PORT="20123"):
        assert mode(folder.services) == 0o600
        found = config.running_servers()
        ours = (config.WELL_KNOWN | config.LENT).keys() - {"AWS_ENDPOINT_URL"}  # we run no S3
        assert {name: found[name] for name in ours} == ADDRESSES.environment()
        assert config.running_servers(folder.path) == found
        assert config.Settings().metrics.port == 20123
    assert config.running_servers() == {}
    assert not Path(".orderbook").exists()


def test_a_pointer_of_another_up_is_left(folder: DataFolder) -> None:
    with announced(folder, ADDRESSES):
        Path(".orderbook/services").write_text("/elsewhere/services.env\n")
    assert Path(".orderbook/services").exists()


def test_a_reset_deletes_our_own_only(folder: DataFolder) -> None:
    (folder.path / "kafka" / "logs").mkdir(parents=True)
    (folder.path / "thesis.tex").touch()
    folder.passwords()
    reset(folder)
    assert sorted(path.name for path in folder.path.iterdir()) == ["logs", "thesis.tex"]


def test_children_see_our_servers_and_no_others(folder: DataFolder) -> None:
    ours = {
        "CELERY_BROKER_URL": "redis://elsewhere",
        "DATABASE_URL": "postgresql://elsewhere",
        "ORDERBOOK_DATABASE__URL": "postgresql://elsewhere",
        "ORDERBOOK_DATABASE__READER_URL": "postgresql://elsewhere",
        "ORDERBOOK_KAFKA__BOOTSTRAP_SERVERS": "elsewhere:9092",
        "ORDERBOOK_KAFKA__SASL_PASSWORD": "secret",
        "FLOWER_ADDRESS": "0.0.0.0",
        "ORDERBOOK_KAFKA__TOPIC": "mine",
        "ORDERBOOK_DATABASE__HOT_DAYS": "7",
        "PATH": "/usr/bin",
    }
    seen = child_environment(ours, folder, ADDRESSES)
    assert not [name for name, value in seen.items() if "elsewhere" in value or "secret" in value]
    assert "FLOWER_ADDRESS" not in seen
    assert seen["ORDERBOOK_KAFKA__TOPIC"] == "mine"
    assert seen["ORDERBOOK_DATABASE__HOT_DAYS"] == "7"
    assert seen["PATH"].endswith(":/usr/bin")
    assert ADDRESSES.environment().items() <= seen.items()


def test_each_process_is_what_users_type() -> None:
    feed = simulator({}, ["--symbols", "TTF-GAS,NBP-GAS"])
    assert feed.text == "python -m orderbook.simulator --symbols TTF-GAS,NBP-GAS"
    beat, worker, flower = celery({}, "127.0.0.1", 5555)
    assert (beat.text, worker.text) == ("celery -A orderbook beat", "celery -A orderbook worker")
    assert flower.text == "celery -A orderbook flower --address=127.0.0.1 --port=5555"
    assert Path(worker.command.arguments[0]).name == "celery"


def test_a_signal_is_noticed_at_the_next_pause() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts:
        interrupts.pause(0)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopping):
            interrupts.pause(60)
        assert not interrupts.is_urgent
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.is_urgent
    assert signal.getsignal(signal.SIGTERM) is before
