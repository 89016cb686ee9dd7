"""Days frozen to Parquet: every row once, in one place, at every moment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orderbook.archive.parquet import SORT_ORDER
from orderbook.archive.run import Outcome, archive_engine, due
from orderbook.archive.verify import Verdict, verify
from orderbook.clock import utc_now
from orderbook.errors import AlreadyRunning, Refused
from orderbook.store import manifest
from orderbook.store.manifest import Written
from orderbook.store.rows.copy_out import STORED
from tests.archive import Cold, cold, days_ago

__all__ = ["cold"]
OLD, OLDER, YESTERDAY = days_ago(100), days_ago(101), days_ago(1)


def test_a_frozen_day_leaves_postgres_and_no_query_sees_a_difference(cold: Cold) -> None:
    cold.land(OLD, 1000)
    cold.land(YESTERDAY, 300, first=5000)
    before = cold.hot()
    assert cold.all() == before
    (outcome,) = cold.archive()
    assert (outcome.day, outcome.rows, outcome.problem) == (OLD, 1000, None)
    assert len(cold.hot()) == 300
    assert cold.all() == before


def test_a_file_has_the_columns_the_order_and_the_metadata_that_are_promised(cold: Cold) -> None:
    cold.land(OLD, 1000)
    before = cold.hot()
    (outcome,) = cold.archive()
    (path,) = cold.folder.rglob("*.parquet")
    assert path.relative_to(cold.folder.parent).as_posix() == outcome.path
    assert path.parent.name == f"date={OLD}"
    table = pq.ParquetFile(path).read()
    assert table.schema.equals(STORED)
    assert [tuple(row.values()) for row in table.to_pylist()] == before
    file = pq.ParquetFile(path)
    assert (file.schema_arrow.metadata or {})[b"orderbook.sort_order"] == ",".join(SORT_ORDER).encode()
    assert (file.schema_arrow.metadata or {})[b"orderbook.schema_version"] == b"1"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_same_rows_are_the_same_file(cold: Cold) -> None:
    cold.land(OLD, 500)
    (first,) = cold.archive()
    cold.restore(OLD)
    assert len(cold.hot()) == 500
    assert cold.archive() == [], "a restored day stays for a while"
    (again,) = cold.archive(OLD)
    assert (again.path, again.rows) == (first.path, first.rows)
    assert cold.rows("SELECT count(*), min(state) FROM cold_file") == [(1, "live")]


def test_a_restored_day_is_hot_again_and_its_file_no_part_of_the_data(cold: Cold) -> None:
    cold.land(OLD, 700)
    before = cold.hot()
    cold.archive()
    assert cold.hot() == []
    cold.restore(OLD)
    assert cold.hot() == cold.all() == before


def test_late_ticks_of_a_frozen_day_become_a_further_file_once_no_more_come(cold: Cold) -> None:
    cold.land(OLD, 400)
    cold.archive()
    cold.land(OLD, 50, first=10_000)
    everything = cold.all()
    assert len(everything) == 450
    assert cold.archive() == [], "late ticks landed a moment ago"
    cold.rows("UPDATE ticks SET landed_at = landed_at - interval '2 days' RETURNING 1")
    before = cold.all()
    (outcome,) = cold.archive()
    assert outcome.rows == 50
    assert (len(list(cold.folder.rglob("*.parquet"))), cold.hot(), cold.all()) == (2, [], before)


def test_an_empty_day_is_dropped_without_a_file(cold: Cold) -> None:
    cold.land(OLD, 0)
    (outcome,) = cold.archive()
    assert (outcome.path, outcome.rows, outcome.problem) == (None, 0, None)
    assert cold.rows("SELECT to_regclass(:name)", name=f"public.ticks_{OLD:%Y%m%d}") == [(None,)]


def test_days_are_due_from_their_age_on_and_oldest_first(cold: Cold) -> None:
    for day in (YESTERDAY, OLD, OLDER, days_ago(90), days_ago(91)):
        cold.land(day, 10)
    with archive_engine(cold.settings, lambda _: None) as (engine, _, _):
        assert due(engine, cold.settings, None) == [OLDER, OLD, days_ago(91)]
        with pytest.raises(Refused, match="not over"):
            due(engine, cold.settings, utc_now().date())
        with pytest.raises(Refused, match="no rows"):
            due(engine, cold.settings, days_ago(50))


def test_two_archivers_are_one_too_many(cold: Cold) -> None:
    cold.land(OLD, 10)
    with (
        archive_engine(cold.settings, lambda _: None) as (_, _, first),
        first.alone(),
        pytest.raises(AlreadyRunning),
    ):
        cold.archive()
    assert [outcome.problem for outcome in cold.archive()] == [None]


@contextmanager
def reading(cold: Cold) -> Iterator[None]:
    """Another session that has the day open."""
    with cold.engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT count(*) FROM ticks"))
        yield


def test_a_day_that_a_reader_holds_stays_and_goes_at_the_next_run(cold: Cold) -> None:
    cold.land(OLD, 100)
    before = cold.hot()
    with reading(cold):
        (outcome,) = cold.archive()
        assert outcome.problem is not None
        assert cold.hot() == cold.all() == before
    (outcome,) = cold.archive()
    assert (outcome.problem, cold.all()) == (None, before)
    assert cold.rows("SELECT count(*) FROM cold_file") == [(1,)]


def test_while_the_archive_waits_for_a_reader_others_wait_no_longer_than_it_does(cold: Cold) -> None:
    cold.land(OLD, 10)
    cold.land(YESTERDAY, 10)
    with reading(cold), archive_engine(cold.settings, lambda _: None) as (engine, _, _), engine.connect() as connection:
        began = utc_now()
        file = manifest.stage(engine, written(cold))
        manifest.note_check(engine, file.id, None)
        with connection.begin(), pytest.raises(DBAPIError, match="lock timeout"):
            manifest.freeze(connection, OLD, file.id)
        assert utc_now() - began < timedelta(seconds=3)


def written(cold: Cold) -> Written:
    ((offsets, sequences),) = cold.rows(
        "SELECT sum(kafka_offset), sum(sequence_id) FROM ticks WHERE event_time < :to", to=YESTERDAY
    )
    now = utc_now()
    return Written(OLD, "ticks/some", 10, 1, b"", now, now, "A", "B", offsets, sequences, [])


def verdicts(cold: Cold) -> list[Verdict]:
    with archive_engine(cold.settings, lambda _: None) as (engine, root, _):
        return list(verify(engine, root, None, lambda _: None))


def frozen_file(cold: Cold) -> Path:
    cold.land(OLD, 5000)
    (outcome,) = cold.archive()
    assert isinstance(outcome, Outcome)
    (path,) = cold.folder.rglob("*.parquet")
    return path


def test_a_sound_cold_store_is_found_sound(cold: Cold) -> None:
    frozen_file(cold)
    assert [verdict.problem for verdict in verdicts(cold)] == [None]


@pytest.mark.parametrize("place", [10, 0.5, -20])
def test_verify_finds_a_flipped_byte_wherever_it_is(cold: Cold, place: float) -> None:
    path = frozen_file(cold)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place) if isinstance(place, float) else place] ^= 1
    path.write_bytes(content)
    (verdict,) = verdicts(cold)
    assert verdict.problem == "its bytes are not those that were written"
    assert cold.rows("SELECT problem FROM cold_file") == [(verdict.problem,)]


def test_verify_finds_a_file_that_is_missing_or_cut(cold: Cold) -> None:
    path = frozen_file(cold)
    os.truncate(path, path.stat().st_size - 1)
    (verdict,) = verdicts(cold)
    assert "bytes, not" in (verdict.problem or "")
    path.unlink()
    assert [verdict.problem for verdict in verdicts(cold)] == ["is missing"]


def test_verify_finds_a_file_that_no_manifest_knows(cold: Cold) -> None:
    path = frozen_file(cold)
    path.with_name("part-0123456789abcdef.parquet").write_bytes(path.read_bytes())
    sound, stranger = verdicts(cold)
    assert sound.problem is None
    assert "older than its archive" in (stranger.problem or "")


def test_a_damaged_file_is_neither_restored_nor_queried_as_if_it_were_whole(cold: Cold) -> None:
    path = frozen_file(cold)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Refused, match="nothing was restored"):
        cold.restore(OLD)
    with pytest.raises(Exception, match=r"(?i)checksum|corrupt|crc|parquet"):
        cold.all()
    assert cold.hot() == []


def test_nothing_is_dropped_at_a_root_that_lacks_what_was_frozen_before(cold: Cold) -> None:
    frozen_file(cold).unlink()
    cold.land(OLDER, 10)
    with pytest.raises(Refused, match="the same on all machines"):
        cold.archive()
    assert len(cold.hot()) == 10


def test_a_file_that_was_not_read_back_never_replaces_its_day(cold: Cold) -> None:
    path = frozen_file(cold)
    cold.restore(OLD)
    cold.rows("UPDATE cold_file SET state = 'staged', checked_at = NULL RETURNING 1")
    with archive_engine(cold.settings, lambda _: None) as (engine, _, _), engine.connect() as connection:
        ((file,),) = cold.rows("SELECT id FROM cold_file")
        with pytest.raises(Exception, match="was not read back"), connection.begin():
            manifest.freeze(connection, OLD, file)
    assert path.exists()
    assert len(cold.hot()) == 5000
