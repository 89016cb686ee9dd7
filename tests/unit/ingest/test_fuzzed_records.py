"""Fuzzed records through both lanes: only rejects come out of what is bad, and nothing is ever raised or changed."""

import json
import os
from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.validator import Judged, Validator
from orderbook.profiles import REASONS
from orderbook.stream.records import Record
from orderbook.tick import FIELDS
from tests.faults.hostile import cases, profiles
from tests.unit.wire import BROKER_MS, VALID, written

PROFILES = profiles()
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))  # of each test
SEEDS = [case.record.value for case in cases() if case.record.value and len(case.record.value) < 1_000] + [written()]

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([json.loads(text) for text in VALID.values()])
)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
objects = st.dictionaries(st.sampled_from(FIELDS), trees, max_size=9)
near_ticks = st.tuples(st.just({name: json.loads(text) for name, text in VALID.items()}), objects).map(
    lambda pair: {**pair[0], **pair[1]}
)
structured = (trees | objects | near_ticks).map(
    lambda tree: json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A hostile or a valid record: bytes flipped, cut out, put in, doubled, or crossed with another's."""
    value = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at, length = draw(st.integers(0, len(value))), draw(st.integers(0, 12))
        other = draw(st.sampled_from(SEEDS))
        start = draw(st.integers(0, len(other)))
        crossed = other[start : start + length]
        value[at : at + length] = draw(st.sampled_from([b"", crossed, value[at : at + length] * 2])) + draw(
            st.binary(max_size=3)
        )
    return bytes(value)


values = st.none() | st.binary(max_size=200) | mutated() | structured | st.just(written())
stamps = st.sampled_from([BROKER_MS, BROKER_MS, BROKER_MS, -1, 0, 2**63 - 1])
versions = st.none() | st.sampled_from([b"1", b"01", b"2"]) | st.binary(max_size=3)
records = st.lists(st.tuples(stamps, st.none() | st.binary(max_size=8), values, versions), max_size=40).map(
    lambda found: [Record(100 + 3 * n, *parts) for n, parts in enumerate(found)]
)


def ticks(judged: Judged) -> dict[int, dict[str, Any]]:
    return {row.pop("kafka_offset"): row for row in judged.ticks.to_pylist()}


@given(records)
@settings(max_examples=EXAMPLES)
def test_what_goes_in_comes_out_once_as_a_tick_or_as_a_reject_of_the_closed_list_with_its_bytes(
    found: list[Record],
) -> None:
    validator = Validator(PROFILES)
    lane = FastLane(validator, PROFILES)
    by_offset = {record.offset: record for record in found}
    expected = validator.judge(found)
    for judged in (expected, lane.judge(found), lane.judge(found)):  # the second time the lane looks first
        assert sorted([*ticks(judged), *(r.offset for r in judged.rejects)]) == sorted(by_offset)
        assert {r.reason for r in judged.rejects} <= set(REASONS)
        for rejected in judged.rejects:
            sent = by_offset[rejected.offset]
            assert (rejected.key, rejected.value, rejected.version) == (sent.key, sent.value, sent.version)
        assert ticks(judged) == ticks(expected)
        assert sorted(judged.rejects) == sorted(expected.rejects)


@given(records)
@settings(max_examples=EXAMPLES)
def test_an_accepted_tick_has_the_values_that_another_parser_reads(found: list[Record]) -> None:
    by_offset = {record.offset: record for record in found}
    for offset, row in ticks(FastLane(Validator(PROFILES), PROFILES).judge(found)).items():
        read = json.loads(by_offset[offset].value or b"", parse_float=Decimal, parse_int=Decimal)
        assert set(read) == set(FIELDS)
        assert row["symbol"] == read["symbol"]
        assert [row[name] for name in FIELDS[1:3]] == [datetime.fromisoformat(read[name]) for name in FIELDS[1:3]]
        for name in FIELDS[3:]:
            assert row[name] == (None if read[name] is None else Decimal(read[name]))


@given(st.lists(mutated(), min_size=1, max_size=30))
@settings(max_examples=EXAMPLES)
def test_mutants_cost_no_neighbour(mutants: list[bytes]) -> None:
    values = [each for mutant in mutants for each in (mutant, written(symbol='"NEIGHBOUR"'))]
    judged = FastLane(Validator(PROFILES), PROFILES).judge(
        [Record(n, BROKER_MS, b"k", value, None) for n, value in enumerate(values)]
    )
    landed = {offset for offset, row in ticks(judged).items() if row["symbol"] == "NEIGHBOUR"}
    assert landed >= set(range(1, len(values), 2))
