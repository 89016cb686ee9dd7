"""The main job on real servers and real processes: 300,000 ticks, two workers of two processes, two beats."""

import pytest

from tests.comparison import SAME, compare, faults, sent_records
from tests.e2e.conftest import TICKS, MainRun

pytestmark = pytest.mark.timeout(400)  # the main run is set up here


def test_every_partition_gets_ticks(main_run: MainRun) -> None:
    assert sum(main_run.ends.values()) == TICKS
    assert all(end > 0 for end in main_run.ends.values())


def test_every_tick_and_every_fault_is_stored_once_with_its_exact_values(main_run: MainRun) -> None:
    deployment = main_run.deployment
    assert faults(sent_records(deployment.sent)) > TICKS / 200
    assert compare(deployment.sent, deployment.database_url) == SAME


def test_the_prefix_and_the_group_offset_are_at_the_end(main_run: MainRun) -> None:
    assert main_run.deployment.prefix() == main_run.ends
    assert main_run.deployment.projected() == main_run.ends


def test_the_audit_balances_and_so_does_the_deep_one(main_run: MainRun) -> None:
    for line in ("orderbook audit", "orderbook audit --deep"):
        audit = main_run.deployment.run(line, seconds=120)
        assert audit.returncode == 0, audit.stdout + audit.stderr


def test_nothing_was_suspect_and_nothing_was_lost(main_run: MainRun) -> None:
    assert main_run.deployment.rows("SELECT kind, detail FROM alarm") == []
    assert main_run.deployment.rows("SELECT id FROM offset_range WHERE deaths > 1") == []
