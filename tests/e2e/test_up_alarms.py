"""Prometheus over ``orderbook up`` itself, at the addresses that it writes for scrapers."""

import json
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.prometheus import watching
from tests.terminal import running_up

pytestmark = pytest.mark.slow

DIVISOR = 20  # a minute of patience is three seconds
STALL_SECONDS = 15
PROFILES = """
[profiles.default]
stale_after_seconds = 2
"""


def test_a_feed_that_stalls_rings_and_is_silent_once_it_ticks_again(data_dir: Path, tmp_path: Path) -> None:
    profiles = tmp_path / "profiles.toml"
    profiles.write_text(PROFILES)
    settings = {"ORDERBOOK_INGEST__PROFILES_FILE": str(profiles), "ORDERBOOK_METRICS__INTERVAL_SECONDS": "0.5"}
    flags = (
        "--symbols",
        "CLEAN-GAS",
        "--interval",
        "0.1",
        "--fault",
        "stall:1%",
        "--stall-seconds",
        str(STALL_SECONDS),
    )
    with running_up(data_dir, tmp_path, *flags, **settings) as up:
        up.shows("first row in ticks after")
        targets = json.loads((tmp_path / ".orderbook" / "targets.json").read_text())
        places = {each["labels"]["job"]: int(each["targets"][0].rpartition(":")[2]) for each in targets}
        with watching(tmp_path, places, DIVISOR) as alarms:
            alarms.assert_rings("SymbolStale", 60, symbol="CLEAN-GAS")
            wait_for(lambda: not alarms.firing(), 2 * STALL_SECONDS, what="the alarm is silent")
        assert up.query("SELECT count(*) FROM ticks WHERE symbol = 'CLEAN-GAS'")[0][0] > 0
