"""Processes whose clock is wrong, by libfaketime."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from orderbook.embedded.postgres import Postgres
from orderbook.embedded.process import Command
from tests.conftest import skip_at_home


def wrong_by(hours: float) -> dict[str, str]:
    """The variables under which a Python process' clock is wrong; its monotonic clock is right."""
    path = os.pathsep.join([str(Path(__file__).parent / "wrong_clock"), os.environ.get("PYTHONPATH", "")])
    return {**_preloaded(), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME": f"{hours:+g}h", "PYTHONPATH": path}


def _preloaded() -> dict[str, str]:
    return {"LD_PRELOAD": str(_library()), "FAKETIME_DISABLE_SHM": "1"}


def _library() -> Path:
    found = [path for folder in ("/usr/lib", "/usr/local/lib") for path in Path(folder).rglob("libfaketime.so.1")]
    if not found:
        skip_at_home("libfaketime is not installed (Debian: apt-get install faketime)")
    return found[0]


@dataclass(frozen=True, slots=True)
class WrongPostgres(Postgres):
    """Postgres whose clock a file sets, while it runs."""

    def prepare(self) -> Command:
        command = Postgres.prepare(self)  # the zero arguments of super() are not for dataclasses with slots
        if not self.clock.exists():
            self.jump(0)
        wrong = {**_preloaded(), "FAKETIME_NO_CACHE": "1", "FAKETIME_TIMESTAMP_FILE": str(self.clock)}
        # by env: libfaketime's semaphore must belong to the servers' account, not to whoever becomes it
        assignments = [f"{name}={value}" for name, value in wrong.items()]
        return replace(command, arguments=["/usr/bin/env", *assignments, *command.arguments])

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    def jump(self, hours: float) -> None:
        """From now on its clock is wrong by as much."""
        fresh = self.folder / "clock.new"
        fresh.write_text(f"{hours:+g}h\n")
        fresh.chmod(0o644)
        shutil.move(fresh, self.clock)
