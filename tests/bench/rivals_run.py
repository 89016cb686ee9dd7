"""Starts a rival's processes, lets them go at once, and reads what they tell."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.bench.stage import Stage

RIVALS = Path(__file__).parent / "rivals"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "orderbook" / "bench-venv"
WANTED = ("quixstreams[postgresql]>=3,<4", "aiokafka", "asyncpg", "pydantic>=2")
SECONDS = 900


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one way. CPU seconds by group of processes, from the start signal to the last commit."""

    rows: int
    seconds: float
    cpu: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds

    @property
    def cpu_per_million(self) -> float:
        """CPU seconds of all processes for a million rows."""
        return sum(self.cpu.values()) / self.rows * 1e6


@cache
def rivals_python() -> Path | None:
    """The interpreter of the rivals' own environment, made the first time; None where it cannot be installed.

    It is not ours because Quix Streams asks for older versions than we do.
    """
    python = CACHE / "bin" / "python"
    if (CACHE / ".installed").exists():
        return python
    sys.stderr.write(f"installing the rivals into {CACHE} …\n")
    subprocess.run([sys.executable, "-m", "venv", "--clear", CACHE], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED]
    if subprocess.run(pip, check=False).returncode != 0:
        return None
    (CACHE / ".installed").touch()
    return python


def versions(python: Path) -> dict[str, str]:
    """What the rivals' environment holds."""
    listed = subprocess.run([python, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True)
    return {each["name"]: each["version"] for each in json.loads(listed.stdout)}


def race(stage: Stage, python: Path, program: str, options: Sequence[Mapping[str, Any]]) -> Outcome:
    """Run one process for each of ``options``, from one start signal to the last one's last commit."""
    with ExitStack() as ending:
        processes = [_start(ending, python, program, each) for each in options]
        for process in processes:
            _answer(process, program)
        before = {name: meter.spent() for name, meter in stage.meters.items()}
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [json.loads(_answer(process, program)) for process in processes]
        cpu = {name: meter.spent() - before[name] for name, meter in stage.meters.items()}
    seconds = max(each["last"] for each in told) - min(each["first"] for each in told)
    return Outcome(sum(each["rows"] for each in told), seconds, {**cpu, "clients": sum(each["cpu"] for each in told)})


def _start(ending: ExitStack, python: Path, program: str, options: Mapping[str, Any]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [python, RIVALS / f"{program}.py", json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    ending.callback(process.wait, 30)
    ending.callback(process.kill)
    return process


def _answer(process: subprocess.Popen[str], program: str) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{program} ended")
    return line
