"""The process that serves a worker's ``/metrics``: started with the worker, started again when it ends, gone with it.

It is a process of its own, since threads and sockets of the worker would be forked into each child of its pool.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import threading

from prometheus_client import values

AGAIN_SECONDS = 5.0
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's own name


def begin(port: int) -> None:
    """Give the pool's processes a folder to count in, and start to serve it. Call it before the pool forks."""
    folder = tempfile.mkdtemp(prefix="orderbook-metrics-")
    atexit.register(_remove, folder, os.getpid())
    environment = {name: value for name, value in os.environ.items() if name != FOLDER_VARIABLE}
    os.environ[FOLDER_VARIABLE] = folder
    # told explicitly: celery imports every subcommand, with Flower's prometheus-client, before the folder has a name
    values.ValueClass = values.MultiProcessValue()
    command = [sys.executable, "-m", "orderbook.exporter.pool", folder, str(port)]
    threading.Thread(target=_keep, args=(command, environment), name="metrics", daemon=True).start()


def _keep(command: list[str], environment: dict[str, str]) -> None:
    pause = threading.Event()
    while True:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment) as server:
            server.wait()
        pause.wait(AGAIN_SECONDS)


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # not the children, which inherit this
        shutil.rmtree(folder, ignore_errors=True)
