"""Rows 52 and 55: a cold store on a real S3 that is away, slow, wrong or lying costs no row."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from orderbook.archive.run import archive_engine
from orderbook.archive.verify import verify
from orderbook.config import settings
from orderbook.embedded.ports import LOOPBACK, choose_port
from orderbook.errors import Unavailable
from tests.archive import Cold, cold_over, days_ago
from tests.faults.http_liar import Liar, Lie
from tests.faults.proxy import Proxy, Toxic
from tests.s3 import BUCKET, KEYS, S3, s3

__all__ = ["s3"]
SUMS = "SELECT symbol, count(*), sum(bid_price), sum(sequence_id) FROM ticks GROUP BY 1 ORDER BY 1"
OLD, OLDER = days_ago(100), days_ago(101)


def on_s3(stack: Any, port: int, monkeypatch: pytest.MonkeyPatch, **more: str) -> Any:
    """The cold store of a stack's database, in a prefix of its own."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{port}", **more}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ROOT", f"s3://{BUCKET}/{stack.topic}")
    monkeypatch.setenv("ORDERBOOK_ARCHIVE__ATTEMPTS", "3")
    settings.cache_clear()
    return cold_over(settings())


@pytest.fixture
def cold(s3: S3, stack: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cold]:
    with on_s3(stack, s3.port, monkeypatch) as made:
        yield made


@pytest.fixture
def liar(s3: S3) -> Iterator[Liar]:
    with Liar(s3.port) as made:
        yield made


@pytest.fixture
def lied_to(liar: Liar, stack: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cold]:
    with on_s3(stack, liar.port, monkeypatch) as made:
        yield made


def problems(cold: Cold) -> list[str | None]:
    with archive_engine(cold.settings, lambda _: None) as (engine, root, _):
        return [verdict.problem for verdict in verify(engine, root, None, lambda _: None)]


def objects(cold: Cold) -> list[str]:
    return cold.root.listed("ticks")


def test_archive_query_verify_restore_on_s3(cold: Cold) -> None:
    cold.land(OLD, 300_000)  # more than a part of an upload
    cold.land(OLDER, 500, first=900_000)
    before = cold.ask(SUMS)
    assert [outcome.problem for outcome in cold.archive()] == [None, None]
    assert cold.rows("SELECT count(*) FROM ticks") == [(0,)]
    assert cold.ask(SUMS) == before
    assert problems(cold) == [None, None]
    assert cold.restore(OLDER) == 500
    assert cold.rows("SELECT count(*) FROM ticks") == [(500,)]
    assert cold.ask(SUMS) == before


def test_wrong_keys_are_refused_and_nothing_is_dropped(s3: S3, stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_s3(stack, s3.port, monkeypatch, AWS_SECRET_ACCESS_KEY="wrong") as cold:
        cold.land(OLD, 100)
        (outcome,) = cold.archive()
        assert re.search("SIGNATURE_DOES_NOT_MATCH|ACCESS_DENIED", outcome.problem or "")
        assert len(cold.hot()) == 100


def test_a_changed_and_a_missing_object_are_found(cold: Cold, s3: S3) -> None:
    for number, day in enumerate((OLD, OLDER)):
        cold.land(day, 2_000, first=10_000 * number)
    cold.archive()
    first, second = [s3.folder / BUCKET / cold.root.full(path).removeprefix(f"{BUCKET}/") for path in objects(cold)]
    content = bytearray(first.read_bytes())
    content[1_000] ^= 1
    first.write_bytes(content)
    second.unlink()
    assert problems(cold) == ["its bytes are not those that were written", "is missing"]


def test_a_store_that_is_away_keeps_the_day_hot_and_is_made_up_for(
    stack: Any, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(s3.port, choose_port()) as proxy, on_s3(stack, proxy.port, monkeypatch) as cold:
        cold.land(OLD, 1_000)
        before = cold.hot()
        proxy.apply(Toxic("down"))
        (outcome,) = cold.archive()
        assert outcome.problem is not None
        with pytest.raises(Unavailable), archive_engine(cold.settings, lambda _: None) as (_, root, _):
            root.listed("ticks")
        assert cold.hot() == before
        proxy.heal()
        assert [outcome.problem for outcome in cold.archive()] == [None]
        assert cold.all() == before


def test_a_slow_store_just_takes_longer(stack: Any, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(s3.port, choose_port()) as proxy, on_s3(stack, proxy.port, monkeypatch) as cold:
        cold.land(OLD, 5_000)
        proxy.apply(Toxic("latency", 0.1))
        assert [outcome.problem for outcome in cold.archive()] == [None]
        proxy.apply(Toxic("bandwidth", 200_000))
        assert cold.ask("SELECT count(*) FROM ticks") == [(5_000,)]


@pytest.mark.parametrize("lie", ["500", "503", "swallow", "truncate", "flip"])
@pytest.mark.parametrize("times", [1, 100_000])
def test_a_store_that_lies_never_costs_a_row(liar: Liar, lied_to: Cold, lie: Lie, times: int) -> None:
    lied_to.land(OLD, 3_000)
    before = lied_to.hot()
    liar.tell(lie, times)
    (outcome,) = lied_to.archive()
    assert liar.told > 0
    if times == 1:
        assert outcome.problem is None
    else:
        assert outcome.problem is not None
        assert lied_to.hot() == before, "the day stays"
    liar.tell("none", 0)
    if outcome.problem is not None:
        assert [again.problem for again in lied_to.archive()] == [None]
    assert lied_to.all() == before
    assert len(objects(lied_to)) == 1


def test_a_foreign_file_in_the_root_is_told(cold: Cold) -> None:
    cold.land(OLD, 100)
    cold.archive()
    with cold.root.filesystem.open_output_stream(cold.root.full(f"ticks/date={OLD}/part-x.parquet")) as sink:
        sink.write(b"PAR1")
    sound, stranger = problems(cold)
    assert sound is None
    assert "no manifest" in (stranger or "")
