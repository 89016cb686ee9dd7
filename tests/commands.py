"""Running a command of ours: in this process, or as a shell does."""

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from orderbook.cli.main import app

ORDERBOOK = str(Path(sys.executable).with_name("orderbook"))


def run(*arguments: str, text: str | None = None) -> Result:
    """One command, in this process."""
    return CliRunner().invoke(app, [*arguments], input=text, catch_exceptions=False)


def ok(*arguments: str, text: str | None = None) -> str:
    """The standard output of a command that succeeds."""
    result = run(*arguments, text=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def outside(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """One command as a shell runs it."""
    done = subprocess.run([ORDERBOOK, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done
