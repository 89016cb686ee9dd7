"""``make bench``: this pipeline beside others, on one machine in one go. Figures, no verdict.

make bench ARGS="--rounds 1 --ticks 300000"              a minute or two
make bench ARGS="--rounds 5 --aspects all --json FILE"   the figures of tests/bench/README.md
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench import aspects, report
from tests.bench.cold import cold
from tests.bench.cost import cost
from tests.bench.phases import phases
from tests.bench.replay import replay
from tests.bench.rivals_run import Outcome, rivals_python, versions
from tests.bench.serving import serving
from tests.bench.stage import Log, Stage, stage
from tests.bench.ways import WAYS, Absent, confluent_copy, pipeline

COLD_ROWS = 20_000_000
SLOW_TICKS = 200_000  # for ways that would take minutes
Way = Callable[[Stage, Log], Outcome]
OURS = "pipeline, 2 processes"
VARIANTS: Mapping[str, Way] = {
    OURS: pipeline,
    "pipeline, 1 process": partial(pipeline, processes=1),
    "pipeline, 4 processes": partial(pipeline, processes=4),
    "pipeline, 1 % bad rows": lambda at, log: pipeline(at, at.log(log.ticks, log.partitions, bad_per_thousand=10)),
    "pipeline, confluent": lambda at, log: pipeline(at, log, ORDERBOOK_KAFKA__CLIENT="confluent"),
    "pipeline, validator alone": lambda at, log: pipeline(at, _short(at, log), ORDERBOOK_INGEST__FAST_LANE="false"),
}
ALL: Mapping[str, Way] = {**VARIANTS, **{name: way for name, way in WAYS.items() if name != "pipeline"}}
ASPECTS = ("phases", "latency", "idle", "memory", "growth", "cost", "cold", "serving", "replay")


def main() -> None:
    """Run what was asked for, round by round, every way once a round."""
    chosen = _arguments()
    names = [name for name in ALL if any(part in name for part in chosen.ways.split(","))]
    facts: dict[str, Any] = {"machine": report.machine(), "ticks": chosen.ticks, "rounds": chosen.rounds}
    with stage() as at:
        log = at.log(chosen.ticks, chosen.partitions)
        rounds, absent = _race(at, log, names, chosen.rounds)
        facts["ways"] = report.summary(rounds, OURS)
        report.show(f"{chosen.ticks:,} ticks, median of {chosen.rounds}", facts["ways"], OURS, absent)
        for name in ASPECTS if chosen.aspects == "all" else filter(None, chosen.aspects.split(",")):
            facts[name] = _aspect(at, log, name)
            report.tell(name, facts[name])
    if (python := rivals_python()) is not None:
        facts["rivals"] = versions(python)
    if chosen.json is not None:
        report.save(chosen.json, facts)


def _short(at: Stage, log: Log) -> Log:
    return at.log(min(log.ticks, SLOW_TICKS), log.partitions)


def _race(at: Stage, log: Log, names: list[str], rounds: int) -> tuple[dict[str, list[Outcome]], dict[str, str]]:
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
    absent: dict[str, str] = {}
    confluent_copy(at, log)  # not counted: a young JVM spends as much on compiling as on serving
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):  # so that no way always follows the same one
            if name in absent:
                continue
            try:
                outcome = ALL[name](at, log)
            except Absent as error:
                absent[name] = str(error)
                continue
            outcomes[name].append(outcome)
            sys.stderr.write(
                f"{number + 1} {name}: {outcome.rate:,.0f} rows/s, {outcome.cpu_per_million:.1f} CPU s per million\n"
            )
    return outcomes, absent


def _aspect(at: Stage, log: Log, name: str) -> Mapping[str, Any]:
    measured: Mapping[str, Callable[[], Mapping[str, Any]]] = {
        "phases": lambda: phases(at, log),
        "latency": lambda: aspects.latency(at, 20),
        "idle": lambda: aspects.idle(at),
        "memory": lambda: {
            "ordinary": aspects.memory(at, log),
            "1 MB records": aspects.memory(at, at.log_of_large(300)),
        },
        "growth": lambda: aspects.growth(at, log.ticks),
        "cost": lambda: cost(at, log),
        "cold": lambda: cold(at, COLD_ROWS, days=4),
        "serving": lambda: serving(at, log),
        "replay": lambda: replay(at, log),
    }
    return measured[name]()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ticks", type=int, default=1_200_000)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--ways", default="", help="parts of their names, comma-separated; default: all")
    parser.add_argument("--aspects", default="", help=f"{', '.join(ASPECTS)} or all")
    parser.add_argument("--json", type=Path, help="keep everything in this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
