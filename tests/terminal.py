"""``orderbook up`` as a person runs it: in a terminal, from a folder, looked at from outside."""

import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from tests.conftest import wait_for
from tests.processes import PROGRAMS

START_SECONDS = 120.0  # on a machine that does something else meanwhile; measured: 8 to 15
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass
class UpRun:
    """One running ``orderbook up``."""

    process: subprocess.Popen[bytes]
    terminal: int
    here: Path
    environment: dict[str, str]
    programs: Path = PROGRAMS
    _printed: bytearray = field(default_factory=bytearray)
    _database_url: str = ""
    _family: dict[int, psutil.Process] = field(default_factory=dict)

    @property
    def screen(self) -> str:
        """All that it printed so far."""
        return ESCAPES.sub("", self._printed.decode(errors="replace"))

    def watch(self) -> None:
        """Read the terminal until it closes; run in a thread, since a full terminal would stop ``up``."""
        with suppress(OSError):
            while chunk := os.read(self.terminal, 65536):
                self._printed += chunk

    def shows(self, text: str, seconds: float = START_SECONDS) -> None:
        """Wait until the text was printed."""
        wait_for(lambda: text in self.screen or self.process.poll() is not None, seconds, what=text)
        assert text in self.screen, self.screen

    def family(self) -> list[psutil.Process]:
        """Every process that was seen below it, alive or not."""
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self._family.setdefault(child.pid, child)
        return list(self._family.values())

    def living(self) -> list[psutil.Process]:
        """Those of its family that run."""
        return [p for p in self.family() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def child(self, text: str) -> psutil.Process | None:
        """Its child whose command line holds the text."""
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if text in " ".join(child.cmdline()):
                    return child
        return None

    def listens_on(self) -> set[tuple[str, int]]:
        """Address and port of all that its family listens on."""
        connections = []
        for process in self.living():
            with suppress(psutil.NoSuchProcess):
                connections += process.net_connections("tcp")
        return {(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask its Postgres, at the address that any other shell of this folder finds."""
        if not self._database_url:
            exports = self.run("orderbook", "env").stdout
            address = re.search(r"DATABASE_URL=(\S+)", exports)
            assert address is not None, exports
            self._database_url = address.group(1)
        with closing(psycopg2.connect(self._database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in another shell of the same folder."""
        return subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.here,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def press_ctrl_c(self) -> None:
        """As on a keyboard: the terminal signals everything in its foreground."""
        self.family()
        os.write(self.terminal, b"\x03")

    def end(self) -> None:
        """Kill what is left of it, by pid."""
        family = self.family()
        self.process.kill()
        self.process.wait()
        for left in family:
            with suppress(psutil.Error):
                left.kill()


@contextmanager
def running_up(data_dir: Path, here: Path, *flags: str, programs: Path = PROGRAMS, **variables: str) -> Iterator[UpRun]:
    """Run ``orderbook up`` in a terminal of its own, from the folder ``here``."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40", **variables}
    command = [str(programs / "orderbook"), "up", "--data-dir", str(data_dir), *flags]
    # a session leader that opens a terminal is controlled by it, like a login shell
    shell = ["sh", "-c", 'exec 0<>"$0" 1>&0 2>&0; exec "$@"', os.ttyname(theirs), *command]
    process = subprocess.Popen(shell, cwd=here, env=environment, start_new_session=True)
    run = UpRun(process, ours, here, environment, programs)
    watcher = threading.Thread(target=run.watch, daemon=True)
    watcher.start()
    try:
        yield run
    finally:
        run.end()
        os.close(theirs)
        watcher.join(10)
        os.close(ours)
