"""What the simulator injects is what the store finds, one for one: in any order of landing, over added partitions."""

from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewPartitions

from orderbook.completeness.summary import Summariser
from orderbook.ingest.validator import Validator
from orderbook.profiles import Profile, Profiles
from orderbook.requeue import judge_again
from orderbook.store.journal import Operator
from orderbook.store.ledger.merge import merge_finished
from orderbook.store.ledger.requeue import find_open, land_reject
from tests.integration.simulators import ledger_of, run
from tests.pipeline import Pipeline

SYMBOLS = ("--symbols", "TTF-GAS,NBP-GAS,PEG-GAS,THE-GAS")
DISORDER = "gap:3%,repeat:3%,reorder:3%,reset:1%"
SPOILED = "malformed:3%,crossed:2%,late:3%"
ANNA = Operator("anna", "because")

Expected = Counter[tuple[str, str, int, int, str | None]]


def injected(path: Path) -> Expected:
    """Symbol, kind, ids and cause of each event that the ledger of the simulator calls for."""
    found: Expected = Counter()
    waiting: dict[tuple[str, int], list[int]] = defaultdict(list)
    begun: set[tuple[str, int]] = set()
    for line in sorted(ledger_of(path), key=lambda line: line["offset"]):
        symbol = line["symbol"]
        chain = symbol, line["partition"]
        if line["reason"]:
            waiting[chain].append(line["sequence_id"])
            continue
        ids = waiting.pop(chain, None)
        if ids and chain in begun:
            found[symbol, "gap", ids[0], ids[-1], "quarantined"] += 1
        if line["fault"]:
            found[symbol, line["fault"], line["first"], line["last"], None] += 1
        begun.add(chain)
    return found


def stored(pipeline: Pipeline) -> Expected:
    return Counter(
        tuple(row)
        for row in pipeline.rows("SELECT symbol, kind, first_sequence, last_sequence, cause FROM sequence_event")
    )


def land_in_any_order(pipeline: Pipeline, seed: int) -> None:
    """Land one range at a time, whichever, and stitch and merge between them."""
    random, drainer, ingestor = Random(seed), pipeline.drainer(), pipeline.ingestor()
    while True:
        done = pipeline.drain(drainer)
        hints, pipeline.hints[:] = list(pipeline.hints), []
        random.shuffle(hints)
        for hint in hints[: max(1, len(hints) // 2)]:
            ingestor.run(hint)
        pipeline.stitch()
        merge_finished(pipeline.engine, age_seconds=0)
        if not hints and all(done.prefixes[p] == bounds.end for p, bounds in done.bounds.items()):
            return


@pytest.mark.parametrize("seed", [1, 2])
def test_events_are_the_injected_faults_whatever_order_ranges_land_in(
    pipeline: Pipeline, tmp_path: Path, seed: int
) -> None:
    ledger = tmp_path / "sent"
    flags = ("--count", "3000", "--interval", "0.0002", "--fault", f"{DISORDER},{SPOILED}", "--ledger", str(ledger))
    run(tmp_path / "one", *SYMBOLS, *flags, "--seed", str(seed))
    land_in_any_order(pipeline.with_policy(max_offsets=200), seed)
    expected = injected(ledger)
    assert {kind for _, kind, *_ in expected} == {"gap", "repeat", "reorder", "reset"}
    assert stored(pipeline) == expected
    assert pipeline.one("SELECT count(*) FROM sequence_event WHERE kind = 'gap' AND state <> 'open'") == 0
    assert pipeline.one("SELECT sum(ticks) FROM symbol_hour") == pipeline.one("SELECT count(*) FROM ticks")
    assert pipeline.stitch(confirm_after_seconds=0).confirmed == sum(n for e, n in expected.items() if e[1] == "gap")


def test_late_ticks_fill_their_gaps_and_no_other(pipeline: Pipeline, tmp_path: Path) -> None:
    ledger = tmp_path / "sent"
    shares = "gap:4%,late:10%,malformed:3%"
    run(
        tmp_path / "one",
        *SYMBOLS,
        "--count",
        "1500",
        "--interval",
        "0.0002",
        "--seed",
        "2",  # no late tick begins its chain: that one fills no gap
        "--fault",
        shares,
        "--ledger",
        str(ledger),
    )
    pipeline.with_policy(max_offsets=200).run()
    before_stitching = requeue_late(pipeline, every=2)
    pipeline.stitch()
    after = requeue_late(pipeline, every=1)
    assert before_stitching > 0 < after
    pipeline.stitch()
    assert all((state == "late_filled") == (missing == 0) for _, _, state, *_, missing in pipeline.events())
    assert stored(pipeline) == injected(ledger)
    filled_ids = pipeline.one("SELECT sum(ids - n_missing)::int FROM sequence_event WHERE kind = 'gap'")
    assert filled_ids == before_stitching + after - pipeline.one("SELECT count(*) FROM late_fill")
    assert pipeline.one("SELECT count(*) FROM late_fill") <= len(SYMBOLS[1].split(","))  # at the ends of the chains


def requeue_late(pipeline: Pipeline, every: int) -> int:
    """Land each ``every``-th of the late rejects after all; returns how many."""
    lenient = Validator(Profiles([], Profile("any age")))
    verdicts = list(judge_again(find_open(pipeline.engine, reason="late", places=None), lenient))[::every]
    for verdict in verdicts:
        assert verdict.tick is not None
        land_reject(pipeline.engine, verdict.reject.place, verdict.tick, ANNA)
    return len(verdicts)


def test_a_symbol_that_moves_to_an_added_partition_begins_a_new_chain(pipeline: Pipeline, tmp_path: Path) -> None:
    ledger = tmp_path / "sent"
    flags = ("--count", "600", "--interval", "0.001", "--fault", DISORDER, "--ledger", str(ledger))
    run(tmp_path / "one", *SYMBOLS, *flags)
    pipeline.run()
    pipeline.stitch()
    homes = partitions_of(pipeline)
    admin = KafkaAdminClient(bootstrap_servers=pipeline.settings.kafka.bootstrap_servers)
    admin.create_partitions({pipeline.topic: NewPartitions(7)})
    admin.close()
    run(tmp_path / "two", *SYMBOLS, *flags)
    pipeline.run()
    pipeline.stitch()
    assert any(len(places) > 1 for places in partitions_of(pipeline).values())
    assert all(len(places) == 1 for places in homes.values())
    assert stored(pipeline) == injected(ledger)


def partitions_of(pipeline: Pipeline) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for symbol, partition in pipeline.rows("SELECT DISTINCT symbol, kafka_partition FROM ticks"):
        found[symbol].add(partition)
    return found


def test_a_stall_is_an_event_of_its_symbol_only(pipeline: Pipeline, tmp_path: Path) -> None:
    profiles = Profiles([], Profile("impatient", stale_after_seconds=2.0))
    ledger = tmp_path / "sent"
    shares = ("--fault", "stall:1%,gap:1%", "--stall-seconds", "3", "--seed", "4")
    run(tmp_path / "one", *SYMBOLS, "--count", "900", "--interval", "0.01", *shares, "--ledger", str(ledger))
    pipeline.run(ingestor=pipeline.ingestor(summarise=Summariser(profiles)))
    pipeline.stitch(profiles)
    expected: Any = injected(ledger)
    assert {kind for _, kind, *_ in expected} == {"gap", "stall"}
    assert stored(pipeline) == expected
    assert pipeline.one(
        "SELECT min(event_time - after_time) >= interval '3 s' FROM sequence_event WHERE kind = 'stall'"
    )


def test_a_later_simulator_goes_on_after_a_reset(pipeline: Pipeline, tmp_path: Path) -> None:
    ledger = tmp_path / "sent"
    flags = ("--count", "400", "--interval", "0.001", "--fault", "reset:2%,reorder:2%", "--ledger", str(ledger))
    for name, seed in (("one", "1"), ("two", "2"), ("three", "3")):
        run(tmp_path / name, *SYMBOLS, *flags, "--seed", seed)
    pipeline.run()
    pipeline.stitch()
    expected = injected(ledger)
    assert {kind for _, kind, *_ in expected} == {"reset", "reorder"}
    assert stored(pipeline) == expected
