"""The simulator and the store: what it sends is judged as it says, and ids go on from what is stored."""

from pathlib import Path

import pytest
from kafka import TopicPartition

from tests.integration.simulators import ledger_of, run
from tests.pipeline import Pipeline


def test_what_is_stored_and_refused_is_what_the_ledger_says(pipeline: Pipeline, tmp_path: Path) -> None:
    ledger = tmp_path / "sent"
    shares = "malformed:20%,crossed:5%,late:5%"
    flags = ("--symbols", "TTF-GAS,NBP-GAS,PEG-GAS", "--count", "3000", "--interval", "0.0001", "--fault", shares)
    run(tmp_path / "one", *flags, "--ledger", str(ledger))
    pipeline.with_policy(max_offsets=5_000).run()
    lines = ledger_of(ledger)
    refused = pipeline.rows("SELECT kafka_partition, kafka_offset, reason, key, value FROM quarantine")
    assert {(*row[:3], bytes(row[3]).decode(), bytes(row[4])) for row in refused} == {
        (line["partition"], line["offset"], line["reason"], line["symbol"], line["value"])
        for line in lines if line["fault"]
    }  # fmt: skip
    stored = pipeline.rows("SELECT kafka_partition, kafka_offset, symbol, sequence_id FROM ticks")
    assert set(stored) == {
        (line["partition"], line["offset"], line["symbol"], line["sequence_id"])
        for line in lines if not line["fault"]
    }  # fmt: skip


def test_where_the_log_is_empty_ids_go_on_from_the_newest_stored_tick(pipeline: Pipeline, tmp_path: Path) -> None:
    flags = ("--symbols", "TTF-GAS,NBP-GAS", "--count", "60", "--interval", "0.001")
    run(tmp_path / "one", *flags)
    pipeline.run()
    ends = pipeline.client.bounds(pipeline.client.identity().partitions)
    pipeline.client._admin.delete_records({TopicPartition(pipeline.topic, n): e.end for n, e in ends.items()})
    again = run(tmp_path / "one", *flags)
    assert again.told == ""
    pipeline.run()
    for symbol in ("TTF-GAS", "NBP-GAS"):
        ids = [i for (i,) in pipeline.rows("SELECT sequence_id FROM ticks WHERE symbol = :s ORDER BY 1", s=symbol)]
        assert ids == list(range(1, 61))


def test_a_database_without_tables_does_not_keep_it_from_starting(
    pipeline: Pipeline, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    one = run(tmp_path / "one", "--count", "2")
    assert "ids begin at 1" in one.told
    assert "orderbook db upgrade" in one.told
