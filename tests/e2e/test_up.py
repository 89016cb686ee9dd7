"""``orderbook up`` from outside: it runs everything, goes on where it was, and leaves nothing."""

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

from orderbook.embedded.ports import accepts
from tests.processes import PROGRAMS
from tests.scraping import scraped
from tests.terminal import UpRun, running_up

Eventually = Callable[..., None]
STORED = "SELECT count(*), count(DISTINCT sequence_id), max(sequence_id) FROM ticks"
LISTED = "SELECT count(*) FROM contract WHERE gate_closure > now()"
# how many are traded depends on the hour
NEARLY_ALL_QUOTED = """
    SELECT count(DISTINCT symbol) > 0.9 * (
        SELECT count(*) FROM contract WHERE listed_at <= now() AND gate_closure > now()) FROM ticks
"""


def stop_with_ctrl_c(up: UpRun, data_dir: Path, eventually: Eventually) -> None:
    listened = up.listens_on()
    up.press_ctrl_c()
    assert up.process.wait(100) == 0, up.screen
    eventually(lambda: not up.living())
    assert not [port for _, port in listened if accepts(port)]
    assert not (data_dir / "services.env").exists()
    assert not (up.here / ".orderbook").exists()


def stored_of(url: str) -> float:
    """``ticks_landed_total``, as Prometheus would scrape it; -1 where there is none."""
    try:
        with urllib.request.urlopen(url, timeout=10) as page:
            found = re.search(r"^orderbook_ticks_landed_total (\S+)$", page.read().decode(), re.MULTILINE)
    except OSError:  # not up yet
        return -1
    return -1 if found is None else float(found.group(1))


def test_everything_runs_and_goes_on_after_ctrl_c(data_dir: Path, tmp_path: Path, eventually: Eventually) -> None:
    with running_up(data_dir, tmp_path) as up:
        up.shows("first row in ticks after")
        up.shows("newest quote")
        assert {ip.removeprefix("::ffff:") for ip, _ in up.listens_on()} == {"127.0.0.1"}
        link = re.search(r"Flower (http://127\.0\.0\.1:\d+)", up.screen)
        assert link is not None
        eventually(lambda: up.child("celery -A orderbook flower") is not None)
        with urllib.request.urlopen(link.group(1), timeout=30) as page:
            assert page.status == 200
        metrics = re.search(r"metrics\s+(http://127\.0\.0\.1:\d+/metrics)", up.screen)
        assert metrics is not None
        eventually(lambda: stored_of(metrics.group(1)) > 0)
        targets = json.loads((up.here / ".orderbook" / "targets.json").read_text())
        ports = {each["labels"]["job"]: int(each["targets"][0].rpartition(":")[2]) for each in targets}
        for job, series in (
            ("orderbook", "orderbook_ticks_landed_total"),
            ("worker", 'orderbook_ingest_duration_seconds_count{phase="commit"}'),
            ("simulator", "orderbook_simulator_ticks_produced_total"),
            ("flower", "flower_events_total{"),
            ("api", "orderbook_http_request_duration_seconds_count{"),
        ):
            eventually(lambda job=job, series=series: any(s.startswith(series) for s in scraped(ports[job])))
        stop_with_ctrl_c(up, data_dir, eventually)
    with running_up(data_dir, tmp_path) as up:
        up.shows("up after")
        before = up.query(STORED)[0]
        assert before[0] > 0
        up.shows("first row in ticks after")
        eventually(lambda: up.query(STORED)[0][0] > before[0] + 50)
        rows, distinct, last = up.query(STORED)[0]
        assert rows == distinct
        assert last > before[2]
        stop_with_ctrl_c(up, data_dir, eventually)


def test_what_dies_is_started_again_and_a_killed_up_is_followed_by_another(
    data_dir: Path, tmp_path: Path, eventually: Eventually
) -> None:
    with running_up(data_dir, tmp_path, "--seed", "7") as up:
        up.shows("first row in ticks after")
        for command in ("celery -A orderbook worker", "/postgres"):
            first = up.child(command)
            assert first is not None
            first.kill()
            eventually(lambda c=command, pid=first.pid: (found := up.child(c)) is not None and found.pid != pid)
        up.family()
        up.process.kill()
        up.process.wait()
        family = up.living()
    with running_up(data_dir, tmp_path) as up:
        up.shows("first row in ticks after")
        eventually(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE])
        rows, distinct, _ = up.query(STORED)[0]
        assert rows == distinct
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(100) == 0
        eventually(lambda: not up.living())


def test_the_contracts_that_a_simulator_of_power_quotes_are_listed_and_told(
    data_dir: Path, tmp_path: Path, eventually: Eventually
) -> None:
    with running_up(data_dir, tmp_path, "--market", "power", "--symbols", "DE,NL") as up:
        up.shows("first row in ticks after")
        page = re.search(r"live page (http://127\.0\.0\.1:\d+)", up.screen)
        assert page
        eventually(lambda: up.query(LISTED)[0][0] > 0)
        eventually(lambda: up.query(NEARLY_ALL_QUOTED)[0][0])
        unlisted = "SELECT count(*) FROM ticks LEFT JOIN contract c USING (symbol) WHERE c.symbol IS NULL"
        assert up.query(unlisted) == [(0,)]
        assert up.query("SELECT count(*) FROM quarantine") == [(0,)]
        (symbol,) = up.query("SELECT symbol FROM ticks WHERE symbol LIKE 'NL-QH-%' ORDER BY symbol DESC LIMIT 1")[0]
        with urllib.request.urlopen(f"{page.group(1)}/v1/contracts?symbols={symbol}", timeout=30) as answer:
            (told,) = json.load(answer)["contracts"]
        assert (told["symbol"], told["area"], told["kind"], told["traded"]) == (symbol, "NL", "quarter", True)
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(100) == 0


def test_a_second_ctrl_c_stops_at_once(data_dir: Path, tmp_path: Path, eventually: Eventually) -> None:
    with running_up(data_dir, tmp_path) as up:
        up.shows("up after")
        worker = up.child("celery -A orderbook worker")
        assert worker is not None
        worker.suspend()  # a warm shutdown that never ends
        up.press_ctrl_c()
        up.shows("stopping worker")
        up.press_ctrl_c()
        assert up.process.wait(20) == 0
        eventually(lambda: not up.living())


def test_only_servers_lend_themselves_to_other_shells(data_dir: Path, tmp_path: Path, eventually: Eventually) -> None:
    with running_up(data_dir, tmp_path, "--only", "servers") as up:
        up.shows("up after")
        line = 'eval "$(orderbook env)" && python -c "import os; print(os.environ[\'REDIS_URL\'])"'
        path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
        environment = {**up.environment, "PATH": path}
        shell = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, check=True)
        assert shell.stdout.startswith(b"redis://:")
        second = up.run("orderbook", "up", "--data-dir", str(data_dir))
        assert second.returncode == 1
        assert f"in use by `orderbook up` with pid {up.process.pid}" in second.stderr
        assert up.run("python", "-m", "orderbook.simulator", "--count", "20").returncode == 0
        with (
            (tmp_path / "celery.log").open("wb") as log,
            subprocess.Popen(
                [PROGRAMS / "celery", "-A", "orderbook", "worker", "--beat"],
                cwd=tmp_path,
                env=environment,
                stdout=log,
                stderr=log,
            ) as worker,
        ):
            try:
                eventually(lambda: up.query(STORED)[0][0] == 20, 60)
            finally:
                worker.terminate()
        stop_with_ctrl_c(up, data_dir, eventually)
        assert up.run("orderbook", "env").returncode == 3
    with running_up(data_dir, tmp_path, "--only", "servers", "--reset") as up:
        up.shows("up after")
        assert up.query(STORED)[0][0] == 0
        stop_with_ctrl_c(up, data_dir, eventually)


def test_without_jars_and_network_the_way_out_is_named(data_dir: Path, tmp_path: Path, eventually: Eventually) -> None:
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path),
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:1"),
    }
    environment.pop("ORDERBOOK_KAFKA_HOME", None)
    up = subprocess.run(
        [PROGRAMS / "orderbook", "up", "--data-dir", str(data_dir)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert up.returncode == 3
    assert "make install" in up.stderr
    assert "ORDERBOOK_KAFKA_HOME" in up.stderr
    assert "Traceback" not in up.stderr
