"""Long work beside a worker: a module run in a process of its own, which no task waits for."""

import subprocess
import sys

import structlog

log = structlog.get_logger(__name__)


class Aside:
    """Runs ``python -m module``, one at a time as far as this process knows. It ends with the worker's session."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it, unless the last one still runs; returns at once. True where it was started."""
        if self._running is not None and self._running.poll() is None:
            return False
        if self._running is not None and self._running.returncode not in {0, None}:
            log.warning("it ended badly", module=self._module, code=self._running.returncode)
        self._running = subprocess.Popen([sys.executable, "-m", self._module], stdin=subprocess.DEVNULL)
        return True
