"""Alarms ring and are silent as they should, and rules, dashboard and declarations name the same metrics."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from orderbook.metrics import DECLARED, PREFIX
from tests.conftest import skip_at_home
from tests.repo.tree import ROOT

MONITORING = ROOT / "monitoring"
ALERTS = (MONITORING / "alerts.yml").read_text(encoding="utf-8")
TESTS = (MONITORING / "tests" / "alerts.yml").read_text(encoding="utf-8")
DASHBOARDS = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(MONITORING.glob("grafana/dashboards/*.json"))]
NAMES = re.findall(r"- alert: (\w+)", ALERTS)


def promtool(*arguments: str) -> str:
    """What ``promtool`` says; the test fails where it is not content."""
    program = shutil.which("promtool")
    if program is None:
        skip_at_home("promtool is not installed (Debian's package prometheus)")
    done = subprocess.run(
        [program, *arguments], cwd=MONITORING, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def used(text: str) -> set[str]:
    """The metrics that a text names; of a histogram, the metric of its series."""
    return {metric_of(series) for series in re.findall(rf"\b{PREFIX}[a-z0-9_]+", text)}


def metric_of(series: str) -> str:
    """The declared name behind a series."""
    base = re.sub(r"_(bucket|sum|count)$", "", series)
    return base if base in DECLARED and DECLARED[base].kind == "histogram" else series


def expressions() -> list[str]:
    """What the panels of all dashboards ask."""
    return [target["expr"] for board in DASHBOARDS for panel in board["panels"] for target in panel["targets"]]


def test_dashboards_have_names_of_their_own_and_panels_that_do_not_overlap() -> None:
    assert len({board["uid"] for board in DASHBOARDS}) == len({board["title"] for board in DASHBOARDS}) == 6
    for board in DASHBOARDS:
        places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
        assert len(set(places)) == len(places), board["title"]


def test_rules_and_configuration_are_valid(tmp_path: Path) -> None:
    promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "prometheus-up.yml")
    for name in ("alerts.yml", "prometheus.yml"):
        shutil.copy(MONITORING / name, tmp_path)
    (tmp_path / "api.key").write_text("as the containers mount it")
    promtool("check", "config", str(tmp_path / "prometheus.yml"))


def test_every_alarm_fires_on_its_fault_and_none_without_one() -> None:
    assert "SUCCESS" in promtool("test", "rules", "tests/alerts.yml")


def test_an_alarm_that_cannot_fire_is_found(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "alerts.yml").write_text(ALERTS.replace("orderbook_range_deaths > 1", "orderbook_range_deaths > 9"))
    (tmp_path / "tests" / "alerts.yml").write_text(TESTS)
    with pytest.raises(AssertionError, match="RangeDies"):
        promtool("test", "rules", str(tmp_path / "tests" / "alerts.yml"))


@pytest.mark.parametrize("name", NAMES)
def test_an_alarm_is_tested_both_ways_and_has_a_page(name: str) -> None:
    assert f"- name: {name} fires\n" in TESTS
    assert re.search(rf"alertname: {name}\n\s+exp_alerts:\n\s+- exp_labels", TESTS)
    assert f"alertname: {name}, exp_alerts: []" in TESTS
    page = (MONITORING / "runbooks" / f"{name}.md").read_text(encoding="utf-8")
    assert all(f"**{part}.**" in page for part in ("Symptom", "Check", "Fix"))


def test_every_page_is_of_an_alarm() -> None:
    assert {path.stem for path in (MONITORING / "runbooks").glob("*.md")} == set(NAMES)


def test_rules_tests_and_dashboard_name_only_declared_metrics() -> None:
    assert used(ALERTS) | used(TESTS) | used(" ".join(expressions())) <= set(DECLARED)


def test_every_declared_metric_is_used() -> None:
    assert set(DECLARED) - used(ALERTS) - used(" ".join(expressions())) == set()


def test_every_recorded_series_that_is_asked_for_is_recorded() -> None:
    recorded = set(re.findall(r"- record: (\S+)", ALERTS))
    asked = set(re.findall(r"\borderbook:[a-z0-9:]+", ALERTS + " ".join(expressions())))
    assert asked == recorded


def test_labels_that_are_asked_for_are_declared() -> None:
    found = re.findall(rf"({PREFIX}[a-z0-9_]+){{(\w+)=", ALERTS + " ".join(expressions()))
    assert found
    assert [pair for pair in found if pair[1] not in DECLARED[metric_of(pair[0])].labels] == []


def test_counters_and_only_they_end_in_total() -> None:
    assert [m.name for m in DECLARED.values() if m.name.endswith("_total") != (m.kind == "counter")] == []
