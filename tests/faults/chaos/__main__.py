"""``python -m tests.faults.chaos SEED MINUTES``: one run, told as it goes; exit code 1 where the promise broke."""

import json
import sys
from dataclasses import asdict

from tests.faults.chaos.actions import SCENES, WEIGHTED
from tests.faults.chaos.run import MUST_BE_SEEN, Policy, run


def main(seed: str = "1", minutes: str = "1", planted: str | None = None) -> int:
    long = float(minutes) >= 5
    policy = Policy(
        seconds=60 * float(minutes),
        least_records=int(20_000 * float(minutes)),
        must_be_seen=MUST_BE_SEEN if long else Policy().must_be_seen,
    )
    scene = SCENES.get(planted or "", WEIGHTED)
    outcome = run(int(seed), policy, planted=planted, actions=scene, progress=lambda text: print(text, flush=True))
    told = asdict(outcome)
    timeline = told.pop("timeline")
    print("\n".join(timeline if len(timeline) < 400 else timeline[-50:]))
    print(json.dumps(told, indent=2, default=str))
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
