"""What a run of the bench says: a table for people, JSON for programs."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.bench.rivals_run import Outcome

Rounds = Mapping[str, Sequence[Outcome]]
OURS = ("confluent-kafka", "celery", "psycopg2-binary", "pyarrow", "pgpq", "pydantic", "sqlalchemy")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": [round(n, 2) for n in os.getloadavg()],
        "versions": {name: version(name) for name in OURS},
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def ratio(rounds: Rounds, one: str, other: str) -> float | None:
    """How many times as fast ``one`` is as ``other``: the median over rounds, each compared with its own neighbour."""
    pairs = list(zip(rounds.get(one, ()), rounds.get(other, ()), strict=False))
    return statistics.median(a.rate / b.rate for a, b in pairs) if pairs else None


def summary(rounds: Rounds, baseline: str) -> dict[str, Any]:
    """Medians of each way, and how ``baseline`` compares with it."""
    found = {}
    for name, outcomes in rounds.items():
        if not outcomes:
            continue
        groups = sorted({group for outcome in outcomes for group in outcome.cpu})
        found[name] = {
            "rows_per_second": round(statistics.median(o.rate for o in outcomes)),
            "rounds": [round(o.rate) for o in outcomes],
            "cpu_seconds_per_million": round(statistics.median(o.cpu_per_million for o in outcomes), 2),
            "by_group": {
                group: round(statistics.median(o.cpu.get(group, 0) / o.rows * 1e6 for o in outcomes), 2)
                for group in groups
            },
            "baseline_is_times_as_fast": None if (r := ratio(rounds, baseline, name)) is None else round(r, 2),
        }
    return found


def show(title: str, found: Mapping[str, Any], baseline: str, absent: Mapping[str, str]) -> None:
    """The table."""
    table = Table(title=title)
    for column in ("way", "rows/s", "ours is times", "CPU s per million", "of which"):
        table.add_column(column, justify="right" if column not in {"way", "of which"} else "left")
    for name, each in found.items():
        groups = ", ".join(f"{group} {seconds:.1f}" for group, seconds in each["by_group"].items() if seconds >= 0.05)
        times = each["baseline_is_times_as_fast"]
        table.add_row(
            name,
            f"{each['rows_per_second']:,}",
            "" if times is None else f"{times:.2f}",
            f"{each['cpu_seconds_per_million']:.1f}",
            groups,
        )
    for name, why in absent.items():
        table.add_row(name, "absent", "", "", why)
    Console(width=120).print(table)


def tell(name: str, found: Mapping[str, Any]) -> None:
    """One aspect, in a few lines."""
    Console(width=120).print(f"{name}: {json.dumps(found, indent=2, default=str)}")


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Keep everything as JSON."""
    path.write_text(json.dumps(content, indent=2) + "\n")
