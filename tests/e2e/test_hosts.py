"""Workers and drainers on three hosts of one network: they share the work, and one that vanishes is not missed."""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import psycopg2
import pytest

from tests.conftest import wait_for
from tests.lan import NETWORK, SERVERS, Host, lan
from tests.network import near_servers, seen_from_there
from tests.processes import SYMBOLS, Deployment, deployment_over
from tests.servers import RunningServers, database_of, new_data_dir

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

HOSTS = 3
TICKS = 120_000
RATE_LIMIT_SECONDS = 0.002  # between ticks of a symbol: some 20 s of feed
GONE_SECONDS = 60.0  # a lease of 20 while landing, and its successor
COMMITTED = """
    CREATE TABLE landed_from (address inet, ranges bigint DEFAULT 0);
    GRANT SELECT, INSERT ON landed_from TO PUBLIC;
    CREATE FUNCTION note_the_host() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO landed_from VALUES (inet_client_addr(), 1); RETURN NULL; END $$;
    CREATE TRIGGER note_the_host AFTER UPDATE ON offset_range FOR EACH ROW
    WHEN (OLD.state <> 'done' AND NEW.state = 'done') EXECUTE FUNCTION note_the_host();
"""
SHARES = "SELECT host(address), sum(ranges)::int FROM landed_from GROUP BY 1"


@dataclass
class Site:
    """Hosts, and the deployment as one of them and as we see it."""

    hosts: list[Host]
    here: Deployment

    def on(self, host: Host) -> Deployment:
        """The deployment of a host: what is started there runs there. It is stopped with ours."""
        environment = seen_from_there(self.here.servers.fleet, self.here.environment)
        return replace(self.here, environment=environment, behind=host.prefix)

    def shares(self) -> dict[str, int]:
        """Ranges landed, by the address that they were landed from."""
        return dict(self.here.rows(SHARES))  # type: ignore[arg-type]


@pytest.fixture
def site() -> Iterator[Site]:
    """Three hosts, and servers that all of them reach."""
    path = new_data_dir()
    with lan(HOSTS) as hosts, near_servers(path, SERVERS, NETWORK) as fleet:
        servers = RunningServers.of(fleet)
        with deployment_over(servers, database_of(servers.create_migrated())) as made:
            yield Site(hosts, made)
    shutil.rmtree(path, ignore_errors=True)


def test_hosts_share_the_work_and_one_that_vanishes_is_not_missed(site: Site) -> None:
    with closing(psycopg2.connect(site.here.database_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(COMMITTED)
    for number, host in enumerate(site.hosts):
        site.on(host).worker(f"worker-{number}", ORDERBOOK_DRAIN__MAX_OFFSETS="500")
        site.on(host).beat(f"beat-{number}")
    wait_for(lambda: len(site.here.prefix()) == 6, 60, what="six partitions are drained")
    simulator = site.here.simulator(f"--symbols {SYMBOLS} --count {TICKS} --interval {RATE_LIMIT_SECONDS}")
    addresses = {host.address for host in site.hosts}
    wait_for(lambda: {a for a, n in site.shares().items() if n >= 5} == addresses, 60, what="all hosts land ranges")
    gone = site.hosts[-1]
    gone.cut_off()
    cut = time.monotonic()
    before = site.shares()
    wait_for(lambda: simulator.exit_code is not None, 120, what="the simulator has sent all")
    assert simulator.exit_code == 0, simulator.last_lines()
    site.here.wait_for_prefix(site.here.ends(), GONE_SECONDS)
    for name in (f"worker-{HOSTS - 1}", f"beat-{HOSTS - 1}"):
        site.here.running.pop(name).kill()  # whoever is cut off would wait for its servers until its grace is over
    print(f"\nranges by host: {site.shares()}; at the end {time.monotonic() - cut:.1f} s after one was cut off")
    assert site.shares()[gone.address] <= before[gone.address] + 1  # one COMMIT may have been under way
    assert site.here.rows("SELECT count(*) FROM ticks") == [(TICKS,)]
    audit = site.here.run("orderbook audit --deep")
    assert audit.returncode == 0, audit.stdout + audit.stderr
