"""Long work beside a worker: a module run in a process of its own, which no task waits for."""

import os
import subprocess
import sys
from collections.abc import Mapping

import structlog

log = structlog.get_logger(__name__)


class Aside:
    """Runs ``python -m module arguments``, one at a time as far as this process knows.

    It ends with the worker's session, unless it is ``detached``: then limits of its own end it.
    """

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None, detached: bool = False
    ) -> None:
        self._module = module
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = environment or {}
        self._detached = detached
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it, unless the last one still runs; returns at once. True where it was started."""
        if self._running is not None and self._running.poll() is None:
            return False
        if self._running is not None and self._running.returncode not in {0, None}:
            log.warning("it ended badly", module=self._module, code=self._running.returncode)
        self._running = subprocess.Popen(
            self._command,
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what it has to say is in its log, on standard error
            start_new_session=self._detached,
        )
        return True
