"""Beat's archive task with nothing but settings: old days leave Postgres, and every command goes on to see them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from kafka import KafkaProducer

from orderbook.tick import encode
from tests.archive import days_ago
from tests.pipeline import tick
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers

OLD = [days_ago(3), days_ago(2)]
OF_A_DAY = 500


def test_beat_freezes_old_days_and_every_command_still_sees_them(
    servers: RunningServers, migrated_template: str, eventually: Callable[..., None], tmp_path: Path
) -> None:
    settings = {
        "ORDERBOOK_ARCHIVE__ROOT": str(tmp_path / "cold"),
        "ORDERBOOK_ARCHIVE__INTERVAL_SECONDS": "2",
        "ORDERBOOK_DATABASE__HOT_DAYS": "1",
    }
    with deployment_over(servers, migrated_template, **settings) as deployment:
        _produce(deployment)
        deployment.worker()
        deployment.beat()
        _check(deployment, eventually)


def _produce(deployment: Deployment) -> None:
    producer = KafkaProducer(bootstrap_servers=deployment.servers.kafka_bootstrap)
    for number, day in enumerate([*OLD, days_ago(0)]):
        midnight = datetime.combine(day, time(0), UTC)
        for n in range(OF_A_DAY):
            at = midnight + timedelta(milliseconds=n)
            value = encode(tick(number * OF_A_DAY + n, event_time=at, received_time=at))
            producer.send(deployment.topic, value=value, key=b"TTF-GAS", partition=0)
    producer.flush()
    producer.close()


def _check(deployment: Deployment, eventually: Callable[..., None]) -> None:
    live = "SELECT day, rows FROM cold_file WHERE state = 'live' ORDER BY day"
    eventually(lambda: len(deployment.rows(live)) == len(OLD), 60, what="both old days are frozen")
    assert deployment.rows(live) == [(day, OF_A_DAY) for day in OLD]
    assert deployment.rows("SELECT count(*) FROM ticks") == [(OF_A_DAY,)]
    last = "SELECT problem FROM cold_run WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT 1"
    eventually(lambda: deployment.rows(last) == [(None,)], 60, what="a run ends well: an earlier one may wait for ids")
    counted = deployment.run('orderbook query "SELECT count(*) AS n FROM ticks" --output ndjson')
    assert json.loads(counted.stdout) == {"n": 3 * OF_A_DAY}
    assert deployment.run("orderbook trace TTF-GAS 7").returncode == 0
    for proof in ("audit --deep", "archive verify"):
        told = deployment.run(f"orderbook {proof}")
        assert told.returncode == 0, told.stdout + told.stderr
