"""One SIGKILL each, under load: nothing is lost, twice or changed, and the prefix passes what was there at the kill."""

import time

import pytest

from tests.faults.conftest import UnderLoad


@pytest.mark.parametrize("place", ["after_fetch", "after_copy", "before_commit", "after_commit"])
def test_a_worker_child_killed_while_it_lands_a_range_stores_it_once(under_load: UnderLoad, place: str) -> None:
    with under_load.assert_recovery_from(f"a worker child killed {place}"):
        under_load.arm(place)


@pytest.mark.parametrize("place", ["drain_before_commit", "drain_after_commit", "drain_after_projection"])
def test_a_drainer_killed_in_its_pass_plans_each_offset_once(under_load: UnderLoad, place: str) -> None:
    with under_load.assert_recovery_from(f"a drainer killed {place}"):
        under_load.arm(place)


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_process_killed_with_all_its_children_is_started_again_and_catches_up(
    under_load: UnderLoad, name: str
) -> None:
    process = under_load.deployment.running[name]
    with under_load.assert_recovery_from(f"{name} killed"):
        process.kill()
        process.start()


@pytest.mark.parametrize("name", ["postgres", "valkey", "kafka"])
def test_a_server_killed_and_started_again_costs_nothing(under_load: UnderLoad, name: str) -> None:
    with under_load.assert_recovery_from(f"{name} killed"):
        began = time.monotonic()
        under_load.deployment.servers.restart(name)
        print(f"\n{name} served again after {time.monotonic() - began:.1f} s")


def test_after_all_that_the_deep_audit_balances(under_load: UnderLoad) -> None:
    deployment = under_load.deployment
    assert deployment.running["simulator"].pid is not None
    deployment.running.pop("simulator").stop()
    ends = deployment.ends()
    deployment.wait_for_prefix(ends, 60)
    under_load.assert_whole(ends)
    audit = deployment.run("orderbook audit --deep", seconds=120)
    assert audit.returncode == 0, audit.stdout + audit.stderr
