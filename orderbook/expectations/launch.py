"""Starting the quality subprocess: for beat, which never waits for it, and for a person, who does."""

import json
import os
import subprocess
import sys
from typing import Final

from orderbook.errors import ConfigError, Refused, Unavailable
from orderbook.expectations.judge import require_library

USAGE: Final = 2  # exit codes of the child; 0: the runs are kept, whatever they found
UNREACHABLE: Final = 3
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Background:
    """The child that a worker's process started last. A run takes minutes: no place of a worker is held by it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Have what is due judged; False where the last child still lives. Raises ``ConfigError`` without the extra."""
        require_library()
        if self._child is not None and self._child.poll() is None:
            return False
        self._child = subprocess.Popen(
            _command("due"),
            env=os.environ | _ONE_THREAD,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # its limits end it, not the end of the process that started it
        )
        return True


def judge_now(wanted: str) -> list[int]:
    """Have a window judged (``last-hour`` or a date) and return the ids of the runs; blocks until they are kept.

    Raises ``ConfigError``, ``Unavailable``, and ``Refused`` where the child was ended: by its limits, or by hand.
    """
    require_library()
    done = subprocess.run(
        _command(wanted), env=os.environ | _ONE_THREAD, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    told = done.stderr.decode(errors="replace").strip()
    match done.returncode:
        case 0:
            return [int(number) for number in json.loads(done.stdout)]
        case 2:
            raise ConfigError(told.rpartition("\n")[2].removeprefix("orderbook: "))
        case 3:
            raise Unavailable(told.rpartition("\n")[2].removeprefix("orderbook: "))
    raise Refused(f"the run ended with {done.returncode}: {told[-2000:]}")


def _command(wanted: str) -> list[str]:
    return [sys.executable, "-m", "orderbook.expectations.child", wanted]
