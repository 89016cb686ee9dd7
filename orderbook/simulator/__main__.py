"""``python -m orderbook.simulator``."""

import asyncio
import os
import signal
import sys

from orderbook.clock import monotonic
from orderbook.config import Settings, settings
from orderbook.errors import ConfigError, OrderbookError
from orderbook.exporter.counted import serve_counted
from orderbook.logs import configure
from orderbook.simulator.ledger import Ledger
from orderbook.simulator.options import Options, parse
from orderbook.simulator.run import Run

SAME_WISH_SECONDS = 0.5  # `timeout` and terminals signal a process and its group: that is one wish, not two


def main(arguments: list[str] | None = None) -> int:
    """Run the simulator; returns its exit code."""
    try:
        found = settings()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    options = parse(arguments, found.simulator)
    configure(found.log_level, found.log_format)
    try:
        ledger = Ledger(options.ledger) if options.ledger else None
    except OSError as error:
        sys.stderr.write(f"python -m orderbook.simulator: --ledger {options.ledger}: {error.strerror}\n")
        return 2
    if found.metrics.enabled:
        serve_counted(found.metrics.address, found.metrics.simulator_port)
    try:
        return asyncio.run(_run(found, options, ledger))
    except BrokenPipeError:  # who read our lines has left: so do we, quietly
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OrderbookError, OSError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 1


async def _run(found: Settings, options: Options, ledger: Ledger | None) -> int:
    run = Run(found.kafka, options, ledger)
    asked_at: float | None = None

    def stop() -> None:
        nonlocal asked_at
        if asked_at is None:
            asked_at = monotonic()
            run.stop()
        elif monotonic() - asked_at > SAME_WISH_SECONDS:
            os._exit(130)  # asked again: at once, without the flush

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    unacknowledged = await run.finish()
    return 1 if unacknowledged and asked_at is None else 0


if __name__ == "__main__":
    sys.exit(main())
