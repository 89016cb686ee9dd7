"""The hostile corpus through both lanes: each input gets its one verdict at any place, and costs no neighbour."""

from pathlib import Path

import pytest

from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.validator import Judge, Validator
from orderbook.profiles import REASONS
from orderbook.tick import FIELDS
from tests.faults.hostile import ACCEPTED, CORPUS, NEIGHBOUR, PLACES, RANGE, Case, cases, names, profiles, rows
from tests.unit.wire import BROKER_MS, record

PROFILES = profiles()
VALIDATOR = Validator(PROFILES)
FIRST_OFFSET = 1_000


@pytest.fixture(params=["validator", "fast lane", "fast lane after a bad range"])
def judge(request: pytest.FixtureRequest) -> Judge:
    """Each way to judge a range; a lane that has met bad records looks first."""
    if request.param == "validator":
        return VALIDATOR
    lane = FastLane(VALIDATOR, PROFILES)
    if request.param.endswith("bad range"):
        lane.judge([record(b"broken")])
    return lane


@pytest.mark.parametrize("case", cases(), ids=names(cases()))
def test_a_hostile_record_gets_its_verdict_at_any_place_and_costs_no_neighbour(case: Case, judge: Judge) -> None:
    places = [FIRST_OFFSET + place for place in PLACES]
    offsets = range(FIRST_OFFSET, FIRST_OFFSET + RANGE)
    judged = judge.judge([case.at(n) if n in places else record(NEIGHBOUR, n, timestamp_ms=BROKER_MS) for n in offsets])
    ticks = {row["kafka_offset"]: row for row in judged.ticks.to_pylist()}
    assert {n for n, row in ticks.items() if row["symbol"] == "NEIGHBOUR"} == set(offsets) - set(places)
    if case.expect == ACCEPTED:
        assert judged.rejects == []
        assert [{name: ticks[n][name] for name in FIELDS} for n in places] == [case.stored] * 3
        return
    sent = case.at(0)
    assert [(r.offset, r.reason, r.field) for r in judged.rejects] == [(n, case.expect, case.field) for n in places]
    assert {(r.key, r.value, r.version) for r in judged.rejects} == {(sent.key, sent.value, sent.version)}
    assert all(len(r.detail) <= 500 for r in judged.rejects)


def test_all_rows_are_there_and_every_file_is_of_one() -> None:
    assert [row["number"] for row in rows()] == list(range(1, 67))
    named = [name for row in rows() for name in row["files"]]
    there = {path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*") if path.is_file()}
    assert sorted(named) == sorted(there - {"index.toml", "profiles.toml"})
    assert {name for row in rows() for name in row.get("but", {})} <= set(named)
    assert all(int(Path(name).parts[0][:2]) == row["number"] for row in rows() for name in row["files"])


def test_only_a_batch_that_no_client_reads_has_no_file() -> None:
    assert [row["number"] for row in rows() if not row["files"]] == [60]


def test_every_expectation_is_a_reason_of_the_closed_list_or_a_landing() -> None:
    assert {case.expect for case in cases()} <= {*REASONS, ACCEPTED}


def test_a_time_that_loses_digits_is_counted() -> None:
    (case,) = (case for case in cases() if case.name == "50-nanoseconds/nine-places.json")
    assert VALIDATOR.judge([case.at(0), case.at(1)]).floored_times == 2
