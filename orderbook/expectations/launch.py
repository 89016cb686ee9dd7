"""Starting the quality subprocess: what beat starts beside a worker, and a run that a person waits for."""

import json
import os
import subprocess
import sys
from typing import Final

from orderbook.errors import ConfigError, Refused, Unavailable
from orderbook.expectations.judge import require_library

USAGE: Final = 2  # exit codes of the child; 0: the runs are kept, whatever they found
UNREACHABLE: Final = 3
CHILD: Final = "orderbook.expectations.child"
# One thread each; and Arrow returns what it frees, which its own allocator kept: 854 MB of data segment against 970.
LEAN: Final = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def judge_now(wanted: str) -> list[int]:
    """Have a window judged (``last-hour`` or a date) and return the ids of the runs; blocks until they are kept.

    Raises ``ConfigError``, ``Unavailable``, and ``Refused`` where the child was ended: by its limits, or by hand.
    """
    require_library()
    done = subprocess.run(
        _command(wanted), env=os.environ | LEAN, stdin=subprocess.DEVNULL, capture_output=True, check=False
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
    return [sys.executable, "-m", CHILD, wanted]
