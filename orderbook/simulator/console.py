"""What the simulator tells its user: plain lines on stdout."""

import sys

from orderbook.simulator.options import Options
from orderbook.simulator.schedule import Sampler


class Console:
    """Shows ticks, all or a sample, and says so once when it is a sample."""

    def __init__(self, period: float) -> None:
        self._sampler = Sampler(period)

    def connecting(self, servers: str) -> None:
        """The first line of a run."""
        _say(f"Connecting to Kafka at {servers}")

    def producing(self, options: Options) -> None:
        """One line for each symbol; contracts, which come and go, are counted."""
        if options.areas:
            areas = ", ".join(area.name for area in options.areas)
            _say(f"Producing ticks for {len(options.symbols)} power contracts of {areas}, each every {_every(options)}")
            return
        for symbol in options.symbols:
            _say(f"Producing ticks for symbol '{symbol}' every {_every(options)}")
        if self._sampler.samples:
            _say(f"More than {Sampler.ALL} ticks a second: showing up to {Sampler.SHOWN} of them a second")

    def sending(self, value: bytes, now: float) -> None:
        """One tick, when it is in the sample. Bytes that are no text are shown escaped."""
        if self._sampler.shows(now):
            _say(f"Sending tick: {value.decode('utf-8', 'backslashreplace')}")

    def stopped(self, acknowledged: int, unacknowledged: int) -> None:
        """The last line of a run."""
        rest = f", {unacknowledged} not acknowledged" if unacknowledged else ""
        _say(f"Stopped: {acknowledged} ticks acknowledged{rest}")


def _every(options: Options) -> str:
    return f"{options.interval:g} seconds"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
