"""A rolling deployment: workers of two versions side by side, each with its own client and lane, on one ledger."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.comparison import SAME, compare
from tests.conftest import wait_for
from tests.faults.conftest import FAULTS
from tests.processes import ROOT, SYMBOLS, Deployment, deployment_over
from tests.servers import RunningServers

pytestmark = pytest.mark.slow

OTHER_VERSION = "0.0.9"
OTHER_WAYS = {"ORDERBOOK_KAFKA__CLIENT": "confluent", "ORDERBOOK_INGEST__FAST_LANE": "false"}
LANDED_BY = "SELECT code_version, count(*) FROM offset_range WHERE state = 'done' GROUP BY 1"


@pytest.fixture
def other_code(tmp_path: Path) -> Iterator[Path]:
    """A checkout that calls itself another version."""
    for name in ("orderbook", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("celeryconfig.py", "flowerconfig.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    metadata = tmp_path / f"orderbook-{OTHER_VERSION}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.4\nName: orderbook\nVersion: {OTHER_VERSION}\n")
    return tmp_path


def test_two_versions_side_by_side_land_everything_once_and_the_ledger_says_which_did(
    servers: RunningServers, migrated_template: str, other_code: Path
) -> None:
    with deployment_over(servers, migrated_template, ORDERBOOK_DRAIN__MAX_OFFSETS="50") as deployment:
        other = _running(deployment, other_code)
        old = other.worker("old", **OTHER_WAYS)
        deployment.beat()
        simulator = deployment.simulator(f"--symbols {SYMBOLS} --interval 0.02 --fault {FAULTS}")
        wait_for(lambda: _landed_by(deployment).get(OTHER_VERSION, 0) >= 20, 60, what="the old version lands")
        deployment.worker("new")
        wait_for(lambda: _landed_by(deployment).get(version("orderbook"), 0) >= 20, 60, what="the new one lands too")
        old.kill()  # in whatever it does: its range is for the other version
        other.worker("old-again", **OTHER_WAYS)
        before = _landed_by(deployment)
        wait_for(
            lambda: all(count > before[name] for name, count in _landed_by(deployment).items()), 60, what="both go on"
        )
        deployment.running.pop("old-again").stop()
        simulator.stop()
        deployment.wait_for_prefix(deployment.ends(), 60)
        print(f"\nranges landed by each version: {_landed_by(deployment)}")
        assert set(_landed_by(deployment)) == {OTHER_VERSION, version("orderbook")}
        assert compare(deployment.sent, deployment.database_url) == SAME
        audit = deployment.run("orderbook audit --deep")
        assert audit.returncode == 0, audit.stdout + audit.stderr


def _running(deployment: Deployment, code: Path) -> Deployment:
    environment = {**deployment.environment, "PYTHONPATH": str(code)}
    return replace(deployment, environment=environment, code=code)


def _landed_by(deployment: Deployment) -> dict[str, int]:
    return dict(deployment.rows(LANDED_BY))  # type: ignore[arg-type]
