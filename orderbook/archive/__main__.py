"""``python -m orderbook.archive``: one run over the days that are due, as beat's task starts it.

Exit codes as everywhere: 0 fine (also where another archiver is at work), 1 a day stays, 3 a service is unreachable.
"""

import sys

import structlog

from orderbook.archive.run import archive_engine, due, run
from orderbook.archive.verify import scrub
from orderbook.config import settings
from orderbook.errors import AlreadyRunning, OrderbookError, Unavailable
from orderbook.logs import configure

log = structlog.get_logger("orderbook.archive")


def main() -> int:
    """Read back what was not for longest, then freeze what is due."""
    config = settings()
    configure(config.log_level, config.log_format)
    try:
        with archive_engine(config, lambda _: None) as (engine, root, archiver):
            days = due(engine, config, None)
            wrong = scrub(engine, root)
            outcomes = run(engine, archiver, days, seconds=config.archive.run_seconds, each=lambda _: None)
    except AlreadyRunning:
        return 0
    except OrderbookError as error:
        log.warning("archive put off", error=str(error))
        return 3 if isinstance(error, Unavailable) else 1
    for verdict in wrong:
        log.error("cold file not sound", path=verdict.path, problem=verdict.problem)
    for outcome in outcomes:
        if outcome.problem is not None:
            log.warning("day stays", day=outcome.day.isoformat(), problem=outcome.problem)
    return int(bool(wrong) or any(outcome.problem is not None for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
