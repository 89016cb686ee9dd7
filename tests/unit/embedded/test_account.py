"""Who the servers run as."""

from pathlib import Path

import pytest

from orderbook.embedded import account
from orderbook.embedded.account import Account, reachable, server_account
from orderbook.embedded.folder import DataFolder
from orderbook.embedded.programs import Program
from orderbook.errors import ConfigError


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """We are root, and nothing is made on this machine."""
    monkeypatch.setattr(account.os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "_make_dedicated", lambda: None)


def known(monkeypatch: pytest.MonkeyPatch, *usable: str) -> None:
    monkeypatch.setattr(account, "_account", lambda name: Account(name, 1000, 1000))
    monkeypatch.setattr(Account, "can_read", lambda self, folder: self.name in usable)


def test_a_plain_user_runs_them_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account.os, "geteuid", lambda: 1000)
    assert server_account() is None


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(("usable", "chosen"), [(("orderbook", "nobody"), "orderbook"), (("nobody",), "nobody")])
def test_root_runs_them_as_the_dedicated_user_else_as_nobody(
    usable: tuple[str, ...], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, *usable)
    found = server_account()
    assert found is not None
    assert found.name == chosen


@pytest.mark.usefixtures("root")
def test_root_without_a_usable_user_is_told_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch)
    with pytest.raises(ConfigError, match="useradd --system orderbook"):
        server_account()


def test_a_program_that_the_user_cannot_read_is_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "closed"
    binary, library = Path("java/runtime/java"), Path("java.libs/libjvm.so")
    for path in (binary, library):
        (site / path).parent.mkdir(parents=True)
        (site / path).touch(mode=0o700)
    copies = tmp_path / "programs"
    monkeypatch.setattr(account, "PROGRAMS", copies)
    monkeypatch.setattr(Account, "can_read", lambda self, folder: copies in folder.parents)
    program = Program(site, Path("java/runtime"), "java-25", (Path("java.libs"),))
    for _ in range(2):
        assert reachable(program, Account("orderbook", 1000, 1000)) == copies / "java-25" / "java" / "runtime"
    assert [(copies / "java-25" / path).stat().st_mode & 0o777 for path in (binary, library)] == [0o755, 0o755]
    assert [path.name for path in copies.iterdir()] == ["java-25"]


def test_a_data_folder_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="choose another --data-dir"):
        DataFolder(tmp_path / "file" / "data").make()
