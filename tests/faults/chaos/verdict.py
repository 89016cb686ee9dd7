"""What is left after a run: everything sent is stored once, as it was sent, and nothing else happened."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.comparison import compare
from tests.faults.chaos.crew import SIMULATORS
from tests.faults.chaos.play import Play
from tests.processes import reaches

RECOVERY_SECONDS = 150
OPEN = """SELECT partition, start_offset, end_offset, deaths, holder_pid, lease_until::text, not_before::text,
                 hinted_at::text, now()::text FROM offset_range WHERE state = 'planned' ORDER BY 1, 2 LIMIT 20"""
# Celery's own words for a child that was killed or a task that took too long: faults of ours, not findings
EXPECTED_ENDS = re.compile(r"WorkerLostError|TimeLimitExceeded|SoftTimeLimitExceeded")


def stop_and_settle(play: Play) -> Iterator[str]:
    """Stop the simulators, let the pipeline finish; yields what went wrong."""
    yield from play.crew.stop_simulators()
    play.note("simulators stopped")
    deployment, workers = play.stage.deployment, tuple(r for r in play.crew.lives if r not in SIMULATORS)
    ends, began = deployment.ends(), time.monotonic()
    while not reaches(deployment.prefix(), ends):
        if time.monotonic() - began > RECOVERY_SECONDS:
            yield f"I7: the prefix {deployment.prefix()} does not reach {ends}; open: {deployment.rows(OPEN)}"
            return
        play.crew.keep_alive(workers)
        time.sleep(0.1)
    play.note(f"the prefix is at the end after {time.monotonic() - began:.1f} s")


def findings(play: Play) -> Iterator[str]:
    """What is wrong with what is stored, with the ledger, with the logs."""
    deployment = play.stage.deployment
    for row in deployment.rows("SELECT partition, halted_reason FROM partition_cursor WHERE halted_reason IS NOT NULL"):
        yield f"halted: {row}"
    for row in deployment.rows("SELECT kind, partition, start_offset, end_offset, detail FROM alarm"):
        yield f"alarm: {row}"
    condemned = "SELECT kafka_partition, kafka_offset, reason FROM quarantine WHERE reason IN ({}) LIMIT 5"
    for row in deployment.rows(condemned.format("'poison', 'poison_unread', 'refused'")):
        yield f"I10: {row}"
    compared = compare(_all_sent(deployment.folder), deployment.database_url)
    for what in ("twice", "missing", "changed"):  # unknown: an acknowledgement that was lost; the log has it
        if places := getattr(compared, what):
            yield f"{what}: {places}"
    audited = deployment.run("orderbook audit --deep --json", seconds=300)
    report = json.loads(audited.stdout) if audited.stdout.startswith("{") else {}
    if audited.returncode != 0 or not report.get("balances") or report["open"] or report["lost"]:
        yield f"audit: {audited.stdout[:4000]} {audited.stderr[:2000]}"


def task_errors(logs: str) -> Iterator[str]:
    """Tasks that ended in an exception nobody translated."""
    for line in logs.splitlines():
        if "raised unexpected" in line and not EXPECTED_ENDS.search(line):
            yield f"task error: {line[:3000]}"


def seen(play: Play) -> Counter[str]:
    """How often each thing that must happen sometimes was seen."""
    counts: Counter[str] = Counter()
    for kind, count in play.stage.deployment.rows("SELECT kind, count(*) FROM chaos_seen GROUP BY 1"):
        counts[kind] = count
    logs = play.stage.deployment.logs()
    counts.update(re.findall(r'"what": "([a-z ]+)"', logs))
    counts["lost a race"] = logs.count('"event": "range taken over"')
    counts["connection ended by the drainer"] = logs.count("a worker outlived its lease")
    return counts


def _all_sent(folder: Path) -> Path:
    together = folder / "all-sent"
    together.write_bytes(b"".join(path.read_bytes() for path in sorted(folder.glob("simulator-*.ndjson"))))
    return together
