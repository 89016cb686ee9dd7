"""Prometheus itself over a deployment, with our rules; their durations are divided, nothing else of them is changed."""

import json
import os
import re
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orderbook.embedded.ports import choose_port
from orderbook.embedded.process import SIGKILL, Command, Process
from tests.conftest import skip_at_home, wait_for
from tests.processes import ROOT

RULES = ROOT / "monitoring" / "alerts.yml"
UNITS = {"s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"(?<=for: )(\d+)([smh])$|(?<=\[)(\d+)([smh])(?=])", re.MULTILINE)


def scaled(rules: str, divisor: int) -> str:
    """The rules with each ``for:`` and each window of a rate divided."""

    def shorter(found: re.Match[str]) -> str:
        number, unit = found[1] or found[3], found[2] or found[4]
        return f"{int(number) * UNITS[unit] * 1000 // divisor}ms"

    return DURATION.sub(shorter, rules)


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus that scrapes and evaluates each second."""

    port: int

    def ask(self, path: str) -> Any:
        """What its API answers; None while it does not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def firing(self) -> list[dict[str, str]]:
        """The labels of each alarm that rings now."""
        answer = None
        while answer is None:
            answer = self.ask("alerts")
        return [alert["labels"] for alert in answer["alerts"] if alert["state"] == "firing"]

    def names(self) -> set[str]:
        """The names of the alarms that ring now."""
        return {labels["alertname"] for labels in self.firing()}

    def assert_rings(self, name: str, seconds: float, **labels: str) -> None:
        """Fail unless an alarm with these labels rings in time."""
        wanted = {"alertname": name, **labels}
        wait_for(lambda: any(wanted.items() <= f.items() for f in self.firing()), seconds, what=f"{wanted} rings")

    def healthy(self, jobs: int) -> bool:
        """Whether that many targets are scraped."""
        answer = self.ask("targets")
        return answer is not None and [t["health"] for t in answer["activeTargets"]] == ["up"] * jobs


@contextmanager
def watching(folder: Path, places: Mapping[str, int], divisor: int) -> Iterator[Prometheus]:
    """Prometheus over ports of this machine, by job; stopped at the end."""
    program = shutil.which("prometheus")
    if program is None:
        skip_at_home("prometheus is not installed (Debian's package prometheus)")
    (folder / "alerts.yml").write_text(scaled(RULES.read_text(encoding="utf-8"), divisor))
    scrapes = [{"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{at}"]}]} for job, at in places.items()]
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    told = {"global": every, "rule_files": ["alerts.yml"], "scrape_configs": scrapes}
    (folder / "prometheus.yml").write_text(json.dumps(told))  # JSON is YAML
    port = choose_port()
    arguments = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    command = Command("prometheus", arguments, dict(os.environ), orphan_signal=SIGKILL)
    process = Process(command, folder / "prometheus.log")
    process.start()
    try:
        found = Prometheus(port)
        wait_for(lambda: found.healthy(len(places)), 60, what="Prometheus scrapes all")
        yield found
    finally:
        process.stop()
