"""What Celery makes of a broker that went away under it."""

import shlex
import subprocess
import sys

import pytest
from kombu import Connection

from orderbook.broker import ClosableChannel, mend
from orderbook.embedded.ports import choose_port
from tests.faults.proxy import Proxy, Toxic
from tests.processes import ROOT, deployment_over
from tests.servers import RunningServers

mend()  # as the application does


def test_a_hint_acknowledged_after_its_connection_was_closed_is_a_lost_connection(redis_url: str) -> None:
    connection = Connection(redis_url)
    channel = connection.default_channel
    assert isinstance(channel, ClosableChannel)
    connection.close()
    with pytest.raises(connection.connection_errors):  # anything else ends the worker
        channel.basic_ack("a hint of before")


def test_a_hint_held_when_the_broker_dies_does_not_keep_its_connection_from_closing(redis_url: str) -> None:
    connection = Connection(redis_url)
    queue = connection.SimpleQueue("held")
    queue.put("hint")
    message = queue.get(timeout=5)
    connection.transport.client = None  # as Celery leaves it when it gives the connection up
    connection.close()
    assert not message.acknowledged


def test_a_pass_serves_all_that_were_asked_for_meanwhile(servers: RunningServers, migrated_template: str) -> None:
    script = """
from orderbook.tasks import app, drain, ingest
for _ in range(50):
    drain.apply_async()
ingest.apply_async((1,))
drain()
with app.pool.acquire() as connection:
    print(*[connection.default_channel.client.llen(queue) for queue in ("drain", "ingest")])
"""
    with deployment_over(servers, migrated_template) as deployment:
        done = deployment.run(f"python -c {shlex.quote(script)}")
        assert done.stdout.splitlines()[-1:] == ["0 1"], done.stdout + done.stderr


def test_a_broker_that_goes_away_is_an_outage_of_the_pass_and_no_error(
    servers: RunningServers, migrated_template: str
) -> None:
    script = """
import sys
from orderbook.tasks import app, drain
drain()
print("once", flush=True)
sys.stdin.readline()
drain()
print("again")
"""
    port = int(servers.redis_url.rpartition(":")[2].partition("/")[0])
    with deployment_over(servers, migrated_template) as deployment, Proxy(port, choose_port()) as proxy:
        away = deployment.environment["REDIS_URL"].replace(f":{port}/", f":{proxy.port}/")
        with subprocess.Popen(
            [sys.executable, "-c", script],
            env={**deployment.environment, "REDIS_URL": away},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert "once\n" in process.stdout  # reads up to it
            proxy.apply(Toxic("down"))
            process.stdin.write("\n")
            process.stdin.flush()
            assert "again\n" in process.stdout
