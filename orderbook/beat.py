"""Beat's clock: what comes round by itself, by a clock that nobody sets."""

from typing import Any

from celery.beat import Scheduler

from orderbook.clock import monotonic


class SteadyScheduler(Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Sends each entry every so many seconds from the start on, in memory: no file, so any number of beats may run.

    Celery's own asks the host's clock: set back by an hour, nothing is drained for an hour. It also wakes 10 ms early
    and looks again and again until then, and entries that are due together drift apart.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._due: dict[str, float] = {}  # by entry, seconds of ``monotonic``

    def tick(self) -> float:
        """Send all that is due, once however late it is; returns the seconds until the next is."""
        now = monotonic()
        for name, entry in self.schedule.items():
            interval = entry.schedule.run_every.total_seconds()
            due = self._due.setdefault(name, now + interval)
            if due <= now:
                self.apply_entry(entry, producer=self.producer)
                self._due[name] = now + interval - (now - due) % interval
        return max(0.0, min(self._due.values()) - monotonic())
