"""Chaos from fixed seeds, and the bugs that it must see."""

import pytest

from tests.faults.chaos.actions import SCENES, WEIGHTED
from tests.faults.chaos.planted import PLANTED
from tests.faults.chaos.run import MUST_BE_SEEN, RARE, Outcome, Policy, run

LONG_SEEDS = (11, 12)


@pytest.mark.timeout(600)
def test_half_a_minute_of_chaos_changes_nothing() -> None:
    outcome = run(1, Policy(seconds=30))
    assert outcome.violations == [], f"artefacts: {outcome.folder}"
    assert outcome.kills >= 3
    assert outcome.looks >= 3


@pytest.fixture(scope="module")
def long_runs() -> dict[int, Outcome]:
    policy = Policy(seconds=300, least_records=100_000, must_be_seen=MUST_BE_SEEN)
    return {seed: run(seed, policy) for seed in LONG_SEEDS}


@pytest.mark.slow
@pytest.mark.timeout(2400)  # the first one plays all
@pytest.mark.parametrize("seed", LONG_SEEDS)
def test_five_minutes_of_chaos_show_every_recovery_and_change_nothing(long_runs: dict[int, Outcome], seed: int) -> None:
    outcome = long_runs[seed]
    assert outcome.violations == [], f"artefacts: {outcome.folder}"
    assert outcome.kills >= 30


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_what_is_rare_is_seen_in_one_of_them(long_runs: dict[int, Outcome]) -> None:
    seen = {what: sum(outcome.seen.get(what, 0) for outcome in long_runs.values()) for what in RARE}
    assert all(seen.values()), seen


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught_within_one_seed(bug: str) -> None:
    outcome = run(1, Policy(seconds=180), planted=bug, actions=SCENES.get(bug, WEIGHTED))
    caught = [what for what in outcome.violations if not what.startswith(("never seen", "only"))]
    assert caught, f"{bug} went unseen; artefacts: {outcome.folder}"
    print(f"\n{bug} after {outcome.seconds:.0f} s: {caught[0]}")
