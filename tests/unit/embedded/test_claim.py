"""One ``up`` a folder, and nothing left of a killed one."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orderbook.embedded.claim import claimed, remember, stop_orphans
from orderbook.embedded.folder import MARK, DataFolder
from orderbook.embedded.process import Command, Process
from orderbook.errors import AlreadyRunning

Eventually = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path)
    made.make()
    return made


@pytest.fixture
def child(folder: DataFolder) -> Iterator[Process]:
    """A process that ``up`` started in the folder, with a child of its own."""
    environment = {"PATH": os.defpath, MARK: str(folder.path)}
    process = Process(Command("worker", ["sh", "-c", "sleep 60 & echo up; wait"], environment), folder.log("worker"))
    process.start()
    yield process
    process.kill()


def test_a_folder_has_one_holder(folder: DataFolder) -> None:
    with (
        claimed(folder),
        pytest.raises(AlreadyRunning, match=rf"in use by .* pid {os.getpid()}.*--data-dir"),
        claimed(folder),
    ):
        pass
    with claimed(folder):
        pass


def test_what_a_killed_up_left_is_stopped(folder: DataFolder, child: Process, eventually: Eventually) -> None:
    eventually(lambda: child.last_lines() == "up")
    remember(folder, [child])
    assert stop_orphans(folder) == ["worker"]
    eventually(lambda: child.exit_code is not None)
    assert stop_orphans(folder) == []


def test_what_was_started_a_moment_before_the_kill_is_stopped_too(
    folder: DataFolder, child: Process, eventually: Eventually
) -> None:
    eventually(lambda: child.last_lines() == "up")
    assert "sh" in stop_orphans(folder)
    eventually(lambda: child.exit_code is not None)
    assert stop_orphans(folder) == []


def test_a_stranger_with_the_pid_of_before_lives_on(folder: DataFolder) -> None:
    stranger = Process(Command("worker", ["sleep", "60"], {"PATH": os.defpath}), folder.log("worker"))
    stranger.start()
    remember(folder, [stranger])
    (entry,) = json.loads(folder.processes.read_text())
    folder.processes.write_text(json.dumps([entry | {"started": entry["started"] - 1000}]))
    assert stop_orphans(folder) == []
    assert stranger.exit_code is None
    stranger.kill()


@pytest.mark.parametrize("text", ["", "{", '[{"unknown": 1}]'])
def test_a_spoilt_record_names_nobody(text: str, folder: DataFolder) -> None:
    folder.processes.write_text(text)
    assert stop_orphans(folder) == []
