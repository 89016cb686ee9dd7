"""The users' own processes: what the simulator breaks is what Postgres and the commands tell."""

import json
from collections.abc import Callable

from tests.integration.test_injected_faults import DISORDER, SPOILED, injected
from tests.processes import SYMBOLS, Deployment, deployment_over
from tests.servers import RunningServers

SETTLED = """
    SELECT coalesce(bool_and(s.stitched = c.committed), false)
    FROM partition_cursor c LEFT JOIN sequence_cursor s USING (generation_id, partition)
"""


def test_every_injected_fault_is_an_event_and_every_event_was_injected(
    servers: RunningServers, migrated_template: str, eventually: Callable[..., None]
) -> None:
    with deployment_over(servers, migrated_template) as deployment:
        _check(deployment, eventually)


def _check(deployment: Deployment, eventually: Callable[..., None]) -> None:
    deployment.worker(ORDERBOOK_DRAIN__MAX_OFFSETS="700")
    deployment.beat()
    simulator = deployment.simulator(f"--symbols {SYMBOLS} --interval 0.01 --count 6000 --fault {DISORDER},{SPOILED}")
    eventually(lambda: simulator.exit_code is not None, 120)
    deployment.wait_for_prefix(deployment.ends(), 60)
    eventually(lambda: deployment.rows(SETTLED) == [(True,)], 30)
    told = json.loads(deployment.run("orderbook gaps --limit 100000 --json").stdout)
    found = sorted((e["symbol"], e["kind"], e["first_sequence"], e["last_sequence"], str(e["cause"])) for e in told)
    expected = injected(deployment.sent)
    assert found == sorted((*event[:4], str(event[4])) for event in expected.elements())
    assert len(found) > 250
    whole = json.loads(deployment.run("orderbook coverage --by symbol --json").stdout)
    assert sum(row["ticks"] for row in whole) == deployment.rows("SELECT count(*) FROM ticks")[0][0]
    assert all(row["missing"] > 0 and row["coverage"] < 1 for row in whole)
    assert deployment.run("orderbook coverage --by symbol --min 0.999").returncode == 1
    assert deployment.run("orderbook trace TTF-GAS 1").returncode == 0
