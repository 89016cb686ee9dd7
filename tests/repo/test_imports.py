"""Importing anything of ours does nothing: no connection, no thread, no process, no file."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.repo.tree import ROOT, package_modules

WATCH = """
import json, sys, threading
seen = []
DOES = {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.fork", "os.mkdir",
        "os.rename", "os.remove", "sqlite3.connect", "tempfile.mkstemp", "tempfile.mkdtemp"}
start = threading.Thread.start

def hook(event, arguments):
    if event in DOES or (event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")):
        seen.append([module, event, repr(arguments)[:200]])

def started(thread):
    seen.append([module, "thread", repr(thread)])
    start(thread)

module = ""
threading.Thread.start = started
sys.addaudithook(hook)
for module in sys.argv[1:]:
    __import__(module)
print(json.dumps(seen))
"""


def imported(folder: Path, *modules: str) -> list[list[str]]:
    """What happened while a fresh process imported ``modules``: module, event, arguments."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    command = [sys.executable, "-c", WATCH, *modules]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_importing_the_package_does_nothing(tmp_path: Path) -> None:
    assert imported(tmp_path, *package_modules(), "celeryconfig", "flowerconfig") == []
    assert list(tmp_path.iterdir()) == []


def test_the_watch_sees_a_file_and_a_thread(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(
        "import threading\nopen('made', 'w').close()\nthreading.Thread(target=print).start()\n"
    )
    events = [event for _, event, _ in imported(tmp_path, "busy")]
    assert {"open", "thread"} <= set(events)
