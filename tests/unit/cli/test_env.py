"""``orderbook env``: what a shell may evaluate."""

import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderbook.cli.main import app

SERVICES = f"""\
KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092
DATABASE_URL=postgresql://market:it's $HOME; a `secret`@127.0.0.1:5432/marketdata
REDIS_URL=redis://:x@127.0.0.1:6379/0
ORDERBOOK_UP_PID={os.getpid()}
"""


def test_a_shell_gets_the_addresses_to_the_letter(tmp_path: Path) -> None:
    (tmp_path / "services.env").write_text(SERVICES)
    result = CliRunner().invoke(app, ["env", "--data-dir", str(tmp_path)])
    assert result.exit_code == 0
    shell = ["sh", "-c", result.stdout + 'printf %s "$DATABASE_URL"']
    seen = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert f"DATABASE_URL={seen.stdout}\n" in SERVICES


@pytest.mark.parametrize("pid", ["", "0x1", "4194305"])  # the last: beyond the largest pid of Linux
def test_addresses_of_an_up_that_has_ended_are_not_given(pid: str, tmp_path: Path) -> None:
    (tmp_path / "services.env").write_text(SERVICES.replace(f"PID={os.getpid()}", f"PID={pid}"))
    result = CliRunner().invoke(app, ["env", "--data-dir", str(tmp_path)])
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "no `orderbook up` runs here" in result.stderr
