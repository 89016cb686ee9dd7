"""What completeness and metrics cost: CPU seconds of the pipeline as it is, and without them, in turns."""

import os
import statistics
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orderbook.embedded.ports import choose_port
from tests.bench.cpu import Meter
from tests.bench.stage import Log, Stage
from tests.bench.ways import wait_until, waiting
from tests.scraping import scraped

PAIRS = 20  # neighbours differ by a tenth by chance
SCRAPE_SECONDS = 5.0
BARE = {
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "bare"), os.environ.get("PYTHONPATH", "")]),
    "ORDERBOOK_METRICS__ENABLED": "false",
    "ORDERBOOK_COMPLETENESS__INTERVAL_SECONDS": "1000000",
    "ORDERBOOK_COMPLETENESS__CLOCK_INTERVAL_SECONDS": "1000000",
}
UNSTITCHED = """
    SELECT count(*) FROM partition_cursor c LEFT JOIN sequence_cursor s USING (generation_id, partition)
    WHERE coalesce(s.stitched, 0) < c.committed
"""
COMMITTED = "SELECT sum(committed) FROM partition_cursor"
SUMMARISED = "SELECT count(*) FROM offset_range WHERE state = 'done' AND jsonb_array_length(summary) > 0"


def cost(stage: Stage, log: Log, pairs: int = PAIRS) -> Mapping[str, Any]:
    """Each pair runs both, the first one in turns; the cost is the median of the pairs' ratios less one."""
    _run(stage, log, bare=True)  # not counted, as in the race
    spent: dict[bool, list[float]] = {False: [], True: []}
    for number in range(pairs):
        for bare in (False, True) if number % 2 else (True, False):
            spent[bare].append(_run(stage, log, bare=bare) / log.ticks * 1e6)
            sys.stderr.write(f"{number + 1} {'bare' if bare else 'whole'}: {spent[bare][-1]:.2f} CPU s per million\n")
    shares = [whole / bare - 1 for whole, bare in zip(spent[False], spent[True], strict=True)]
    return {
        "pairs": pairs,
        "ticks": log.ticks,
        "whole": round(statistics.median(spent[False]), 2),
        "bare": round(statistics.median(spent[True]), 2),
        "share": round(statistics.median(shares), 4),
        "shares": [round(share, 3) for share in sorted(shares)],
    }


def _run(stage: Stage, log: Log, *, bare: bool) -> float:
    """CPU seconds from the start signal until all is landed, and stitched where that is done at all."""
    port, served = choose_port(), choose_port()
    whole = {"ORDERBOOK_METRICS__ENABLED": "true", "ORDERBOOK_METRICS__WORKER_PORT": str(port)}
    with waiting(stage, log, 2, **(BARE if bare else whole)) as run:
        names = ["worker", "beat"]
        if not bare:
            run.start("exporter", f"orderbook exporter --port {served}")
            wait_until(lambda: scraped(port) and any("ranges_open" in name for name in scraped(served)), 60)
            names.append("exporter")
        with _scraping([] if bare else [port, served]):
            meters = [*stage.meters.values(), *(Meter(run.running[name].pid) for name in names)]
            before = sum(meter.spent() for meter in meters)
            run.let_go()
            wait_until(lambda: run.rows(COMMITTED)[0][0] >= log.ticks, 300)
            if not bare:
                wait_until(lambda: not run.rows(UNSTITCHED)[0][0], 60)
            spent = sum(meter.spent() for meter in meters) - before
        assert (run.rows(SUMMARISED)[0][0] == 0) is bare
    return spent


@contextmanager
def _scraping(ports: list[int]) -> Iterator[None]:
    ending = threading.Event()

    def scrape() -> None:
        while not ending.wait(SCRAPE_SECONDS):
            for port in ports:
                scraped(port)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
