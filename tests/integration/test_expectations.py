"""Great Expectations over a real day: a clean one passes, and each planted defect fails exactly its expectation."""

from collections.abc import Iterator

import pytest

from orderbook.expectations import inspection
from orderbook.expectations.judge import Judge
from orderbook.profiles import Profile, Profiles
from tests.clean_day import SYMBOLS, TICKS, CleanDay, clean_day_over, failing, judge_of_this_process, judged
from tests.servers import RunningServers

ONE = "WHERE symbol = 'NBP-GAS' AND sequence_id = 500"
OF_ENERGY = "WHERE symbol = 'TTF-GAS' AND sequence_id = 500"
LENIENT = Profile("lenient", allow_locked=True, allow_one_sided=True, allow_zero_volume=True, sequence="increasing")


@pytest.fixture(scope="module")
def day(servers: RunningServers, migrated_template: str) -> Iterator[CleanDay]:
    with clean_day_over(servers, migrated_template, "test.expectations") as made:
        yield made


@pytest.fixture(scope="module")
def judge() -> Judge:
    return judge_of_this_process()


def test_a_clean_day_passes_and_every_expectation_has_looked(day: CleanDay, judge: Judge) -> None:
    with day.changed() as connection:
        found = judged(judge, connection)
    assert (found.outcome, found.ticks) == ("passed", TICKS * len(SYMBOLS))
    assert [result.name for result in found.results if not result.checked] == []
    assert {result.profile for result in found.results} == {None, "default", "energy"}


DEFECTS = {
    "a bid is null": (f"UPDATE ticks SET bid_price = NULL {ONE}", ("bid_price_present", "default")),
    "an ask is null": (f"UPDATE ticks SET ask_price = NULL {ONE}", ("ask_price_present", "default")),
    "a bid volume is null": (f"UPDATE ticks SET bid_volume = NULL {ONE}", ("bid_volume_present", "default")),
    "an ask volume is null": (f"UPDATE ticks SET ask_volume = NULL {OF_ENERGY}", ("ask_volume_present", "energy")),
    "the book is crossed by a billionth": (
        f"UPDATE ticks SET bid_price = ask_price + 0.000000001 {ONE}",
        ("bid_below_ask", "default"),
    ),
    "the book is locked": (f"UPDATE ticks SET bid_price = ask_price {OF_ENERGY}", ("bid_below_ask", "energy")),
    "a bid is negative": (f"UPDATE ticks SET bid_price = -5 {ONE}", ("bid_price_in_range", "default")),
    "an ask is zero": (f"UPDATE ticks SET ask_price = 0 {ONE}", ("ask_price_in_range", "default")),
    "a bid volume is zero": (f"UPDATE ticks SET bid_volume = 0 {ONE}", ("bid_volume_in_range", "default")),
    "an ask volume is negative": (f"UPDATE ticks SET ask_volume = -1 {OF_ENERGY}", ("ask_volume_in_range", "energy")),
    "a sequence id is negative": (f"UPDATE ticks SET sequence_id = -1 {ONE}", ("sequence_id_in_range", "default")),
    "a sequence id goes back": (f"UPDATE ticks SET sequence_id = 7 {ONE}", ("sequence_monotonic", "default")),
    "a tick was received a month late": (
        f"UPDATE ticks SET received_time = event_time + interval '30 days' {ONE}",
        ("received_time_in_range", "default"),
    ),
    "a tick was received an hour early": (
        f"UPDATE ticks SET received_time = event_time - interval '1 hour' {OF_ENERGY}",
        ("received_time_in_range", "energy"),
    ),
    "a price is NaN": (f"UPDATE ticks SET ask_price = 'NaN' {ONE}", ("numbers_finite", None)),
    "a time is infinite": (f"UPDATE ticks SET received_time = 'infinity' {ONE}", ("numbers_finite", None)),
    "a spread is a tenth of its mid": (
        f"UPDATE ticks SET ask_price = bid_price + 3.4 {ONE}",
        ("spread_in_band", "default"),
    ),
    "a spread is beyond both bounds": (
        f"UPDATE ticks SET ask_price = bid_price + 5.001 {OF_ENERGY}",
        ("spread_in_band", "energy"),
    ),
    "a row is gone": (f"DELETE FROM ticks {ONE}", ("rows_match_ledger", None)),
    "a row is there twice": (
        "INSERT INTO ticks SELECT symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, "
        f"sequence_id, landed_at, generation_id, kafka_partition, -1 FROM ticks {ONE}",
        ("rows_match_ledger", None),
    ),
    "a symbol is silent for a minute": (
        "UPDATE ticks SET event_time = date_trunc('minute', event_time) "
        "WHERE symbol = 'NBP-GAS' AND sequence_id BETWEEN 601 AND 606",
        ("fresh_within_sessions", None),
    ),
    "a column is added": ("ALTER TABLE ticks ADD COLUMN note text", ("columns_as_declared", None)),
    "a column may be null": (
        "ALTER TABLE ticks ALTER COLUMN received_time DROP NOT NULL",
        ("columns_as_declared", None),
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_fails_exactly_its_expectation(day: CleanDay, judge: Judge, defect: str) -> None:
    statement, expected = DEFECTS[defect]
    with day.changed(statement) as connection:
        found = judged(judge, connection)
    assert failing(found) == [expected]
    assert found.outcome == "failed"
    assert [result.name for result in found.results if result.passed is None] == []


def test_every_expectation_has_a_defect_that_fails_it(day: CleanDay, judge: Judge) -> None:
    with day.changed() as connection:
        names = {result.name for result in judged(judge, connection).results}
    assert names - {name for _, (name, _) in DEFECTS.values()} == {"symbol_well_formed"}


def test_a_symbol_with_a_space_after_it_is_told(day: CleanDay, judge: Judge) -> None:
    renamed = [
        f"UPDATE {table} SET symbol = 'NBP-GAS ' WHERE symbol = 'NBP-GAS'"
        for table in ("ticks", "symbol_hour", "sequence_chain")
    ]
    with day.changed(*renamed) as connection:
        assert failing(judged(judge, connection)) == [("symbol_well_formed", None)]


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE ticks ALTER COLUMN bid_price TYPE numeric(20, 9)", "ALTER TABLE ticks DROP COLUMN ask_volume"],
)
def test_ticks_that_cannot_be_read_are_not_judged(day: CleanDay, judge: Judge, statement: str) -> None:
    with day.changed(statement) as connection:
        found = judged(judge, connection)
    assert failing(found) == [("columns_as_declared", None)]
    assert {result.passed for result in found.results[1:]} == {None}


def test_defects_are_told_side_by_side(day: CleanDay, judge: Judge) -> None:
    with day.changed(
        f"UPDATE ticks SET bid_volume = NULL {ONE}", f"UPDATE ticks SET bid_price = 40 {OF_ENERGY}"
    ) as connection:
        found = judged(judge, connection)
    assert failing(found) == [("bid_volume_present", "default"), ("bid_below_ask", "energy")]


def test_failing_rows_are_shown_exactly_and_all_are_counted(day: CleanDay, judge: Judge) -> None:
    crossed = "UPDATE ticks SET bid_price = ask_price + 0.000000001 WHERE symbol = 'NBP-GAS' AND sequence_id <= 30"
    with day.changed(crossed) as connection:
        found = judged(judge, connection)
    (result,) = [result for result in found.results if result.passed is False]
    assert (result.checked, result.failed, len(result.rows)) == (TICKS, 30, 20)
    assert [row["sequence_id"] for row in result.rows] == [str(n) for n in range(1, 21)]
    first = result.rows[0]
    assert (first["symbol"], first["bid_price"], first["ask_price"]) == ("NBP-GAS", "27.545000001", "27.545")
    assert (first["kafka_partition"], first["kafka_offset"]) == ("1", "0")


def test_a_recorded_reset_is_no_step_back(day: CleanDay, judge: Judge) -> None:
    counted_anew = "UPDATE ticks SET sequence_id = sequence_id - 499 WHERE symbol = 'NBP-GAS' AND sequence_id >= 500"
    recorded = (
        "INSERT INTO sequence_event (generation_id, partition, symbol, kind, state, epoch_offset, after_offset, "
        "kafka_offset, first_sequence, last_sequence, ids, after_time, event_time) "
        "SELECT generation_id, kafka_partition, symbol, 'reset', 'confirmed', kafka_offset, kafka_offset, "
        f"kafka_offset, 499, 1, 0, event_time, event_time FROM ticks {ONE}"
    )
    with day.changed(counted_anew) as connection:
        assert failing(judged(judge, connection)) == [("sequence_monotonic", "default")]
    with day.changed(recorded, counted_anew) as connection:
        assert judged(judge, connection).outcome == "passed"


def test_a_profile_decides_what_is_wrong(day: CleanDay, judge: Judge) -> None:
    lenient = Profiles([("NBP-*", LENIENT)], Profile("default"))
    one_sided = f"UPDATE ticks SET bid_price = NULL, bid_volume = NULL {ONE}"
    locked = "UPDATE ticks SET bid_price = ask_price, ask_volume = 0 WHERE symbol = 'NBP-GAS' AND sequence_id = 501"
    with day.changed(one_sided, locked) as connection:
        assert judged(judge, connection, lenient).outcome == "passed"
        assert len(failing(judged(judge, connection))) == 4
    with day.changed(f"UPDATE ticks SET bid_volume = NULL {ONE}") as connection:
        assert failing(judged(judge, connection, lenient)) == [("sides_whole", "lenient")]


def test_rows_above_what_is_stitched_are_not_held_against_the_ledger(day: CleanDay, judge: Judge) -> None:
    landed_since = (
        "INSERT INTO ticks SELECT symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, "
        f"sequence_id, landed_at, generation_id, kafka_partition, 1000000 FROM ticks {ONE}"
    )
    requeued = (
        "INSERT INTO late_fill (generation_id, partition, kafka_offset, symbol, sequence_id) "
        "VALUES (1, 1, 1000000, 'NBP-GAS', 500)"
    )
    with day.changed(landed_since) as connection:
        assert judged(judge, connection).outcome == "passed"
    with day.changed(landed_since, requeued) as connection:
        assert failing(judged(judge, connection)) == [("rows_match_ledger", None)]


def test_small_chunks_find_the_same(day: CleanDay, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "CHUNK_ROWS", 1_000)
    with day.changed(f"UPDATE ticks SET sequence_id = 7 {ONE}", f"DELETE FROM ticks {OF_ENERGY}") as connection:
        found = judged(judge, connection)
    assert failing(found) == [("rows_match_ledger", None), ("sequence_monotonic", "default")]


def test_a_symbol_that_never_came_is_silent_and_an_empty_database_is_empty(day: CleanDay, judge: Judge) -> None:
    with day.changed("TRUNCATE ticks, symbol_hour") as connection:
        found = judged(judge, connection)
    assert (found.outcome, found.ticks) == ("empty", 0)
    with day.changed("TRUNCATE ticks", "UPDATE symbol_hour SET hour = hour - interval '2 days'") as connection:
        found = judged(judge, connection)
    assert failing(found) == [("fresh_within_sessions", None)]
    (silent,) = [result.rows for result in found.results if result.passed is False]
    assert [(row["symbol"], row["silent_seconds"]) for row in silent] == [
        ("NBP-GAS", "86400.0"),
        ("TTF-GAS", "86400.0"),
    ]
