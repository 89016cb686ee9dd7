"""Prometheus itself, with our rules, over a running pipeline: an alarm rings on its fault and stops once it is over."""

import json
import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from orderbook.embedded.ports import choose_port
from orderbook.embedded.process import SIGKILL, Command, Process
from tests.conftest import skip_at_home, wait_for
from tests.processes import ROOT, deployment_over
from tests.servers import RunningServers

CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: orderbook
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


def prometheus(folder: Path, scraped: int, port: int) -> Process:
    """A Prometheus that scrapes the exporter, with the rules as they are deployed."""
    program = shutil.which("prometheus")
    if program is None:
        skip_at_home("prometheus is not installed (Debian's package prometheus)")
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(rules=ROOT / "monitoring" / "alerts.yml", port=scraped))
    arguments = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return Process(Command("prometheus", arguments, dict(os.environ), orphan_signal=SIGKILL), folder / "prometheus.log")


def firing(port: int) -> set[str] | None:
    """The alarms that ring; None while Prometheus does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=10) as answer:
            alerts = json.load(answer)["data"]["alerts"]
    except OSError:
        return None
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def healthy(port: int) -> bool:
    """Whether the target is scraped."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=10) as answer:
            targets = json.load(answer)["data"]["activeTargets"]
    except OSError:
        return False
    return [target["health"] for target in targets] == ["up"]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_beat_that_ends_rings_an_alarm_and_one_that_returns_silences_it(
    servers: RunningServers, migrated_template: str, tmp_path: Path
) -> None:
    scraped, port = choose_port(), choose_port()
    watch = prometheus(tmp_path, scraped, port)
    with deployment_over(servers, migrated_template) as deployment:
        deployment.worker()
        deployment.beat()
        wait_for(lambda: len(deployment.prefix()) == 6, 60, what="six partitions are drained")
        deployment.start("exporter", f"orderbook exporter --port {scraped}", ORDERBOOK_METRICS__INTERVAL_SECONDS="1")
        watch.start()
        try:
            wait_for(lambda: healthy(port), 60, what="Prometheus scrapes the exporter")
            found = firing(port)
            assert found is not None
            assert not found & {"DrainerSilent", "SourceDown", "ExporterDown", "PartitionHalted"}
            deployment.running.pop("beat").stop()
            wait_for(lambda: "DrainerSilent" in (firing(port) or ()), 120, what="the alarm rings")
            deployment.beat()
            wait_for(
                lambda: firing(port) is not None and "DrainerSilent" not in (firing(port) or ()), 60, what="silence"
            )
        finally:
            watch.stop()
