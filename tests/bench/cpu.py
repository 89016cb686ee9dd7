"""CPU seconds of a process and of all that it started, the finished ones included."""

from contextlib import suppress

import psutil


class Meter:
    """One process tree. ``spent`` never goes back: a parent keeps what its reaped children have used."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def spent(self) -> float:
        """User and system seconds until now."""
        total = 0.0
        for process in (self._root, *self._root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def resident(self) -> dict[int, int]:
        """Bytes resident, by process."""
        found = {}
        for process in (self._root, *self._root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                found[process.pid] = process.memory_info().rss
        return found
