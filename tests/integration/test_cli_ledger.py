"""The commands about ticks, ranges and rejects, over a pipeline that has landed something."""

import csv
import json
import subprocess
from io import StringIO
from typing import Any

import pytest
from kafka import KafkaAdminClient

from orderbook.store.ledger.partition_ledger import PartitionLedger
from tests.commands import ORDERBOOK, ok, run
from tests.pipeline import Pipeline, stored, valid
from tests.servers import Stack


def test_tail_shows_stored_ticks(landed: Pipeline) -> None:
    lines = ok("tail", "--no-follow").splitlines()
    assert [line.split()[-1] for line in lines] == ["0@0", "0@1", "0@2"]
    assert "bid 27.53 x 120" in lines[0]
    shown = [json.loads(line) for line in ok("tail", "--last", "2", "--no-follow", "--json").splitlines()]
    assert [(t["sequence_id"], t["ask_price"]) for t in shown] == [(2, "27.545000000"), (3, "27.545000000")]


def test_tail_follows_what_lands_until_its_limit(landed: Pipeline) -> None:
    follower = subprocess.Popen([ORDERBOOK, "tail", "--limit", "5"], stdout=subprocess.PIPE, text=True)
    assert follower.stdout is not None
    assert follower.stdout.readline().endswith("#1  0@0\n")
    landed.produce(valid(4, first=5))
    landed.run()
    assert [line.split()[-1] for line in follower.stdout] == ["0@1", "0@2", "0@5", "0@6"]
    follower.stdout.close()
    assert follower.wait(10) == 0


def test_query_in_every_form_keeps_every_digit(landed: Pipeline) -> None:
    sql = "SELECT symbol, bid_price FROM ticks ORDER BY kafka_offset LIMIT 1"
    assert ok("query", sql).splitlines()[2] == "TTF-GAS      27.53"
    assert json.loads(ok("query", sql, "--output", "json")) == [{"symbol": "TTF-GAS", "bid_price": "27.530000000"}]
    assert json.loads(ok("query", sql, "-o", "ndjson")) == {"symbol": "TTF-GAS", "bid_price": "27.530000000"}
    assert list(csv.reader(StringIO(ok("query", sql, "-o", "csv")))) == [
        ["symbol", "bid_price"],
        ["TTF-GAS", "27.530000000"],
    ]
    assert ok("query", "-", text="SELECT count(*) FROM ticks").split()[-1] == "3"


@pytest.mark.parametrize(("sql", "code"), [("SELEC 1", 2), ("DELETE FROM ticks", 2), ("SELECT pg_sleep(9)", 1)])
def test_a_query_that_fails_is_one_line(stack: Stack, sql: str, code: int) -> None:
    result = run("query", sql, "--timeout", "0.2")
    assert (result.exit_code, result.stdout) == (code, "")
    assert len(result.stderr.splitlines()) == 1


def test_a_reader_that_has_seen_enough_ends_the_query_quietly(stack: Stack) -> None:
    line = f"{ORDERBOOK} query 'SELECT generate_series(1, 200000)' -o ndjson | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ranges_are_listed_and_shown(landed: Pipeline) -> None:
    (row,) = json.loads(ok("ranges", "ls", "--state", "done", "--json"))
    assert row["range"] == f"{landed.topic}/0/0-4"
    shown = ok("ranges", "show", str(row["id"]))
    assert f"{landed.topic}/0/0-4" in shown.splitlines()[0]
    assert json.loads(ok("ranges", "show", str(row["id"]), "--json"))["n_bad"] == 2
    assert run("ranges", "show", "999").exit_code == 1


def test_a_range_under_way_shows_its_holder(landed: Pipeline) -> None:
    landed.produce(valid(3, first=4))
    landed.drain()
    with landed.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE offset_range SET lease_until = now() + interval '1 minute', (holder_pid, holder_start) = "
            "(SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()) WHERE state = 'planned'"
        )
    (row,) = json.loads(ok("ranges", "ls", "--state", "planned", "--json"))
    assert json.loads(ok("ranges", "show", str(row["id"]), "--json"))["holder"].startswith("alive, test, ")


def test_resume_lets_named_partitions_go_on(landed: Pipeline) -> None:
    with landed.engine.begin() as connection:
        PartitionLedger(connection, 1, 0).halt("low_end", "for the test")
    assert ok("ranges", "resume", "0") == "partition 0 goes on (was halted: low_end)\n"
    assert ok("ranges", "resume", "--all") == ""


def recreate(pipeline: Pipeline) -> None:
    """Delete the topic and make it again, with two records."""
    admin = KafkaAdminClient(bootstrap_servers=pipeline.settings.kafka.bootstrap_servers)
    admin.delete_topics([pipeline.topic])
    admin.close()
    while not pipeline.client.create():
        pass  # the old one is still being deleted
    pipeline.new_producer()
    pipeline.produce(valid(2, first=100))


@pytest.mark.logs_error("partition halted")
def test_resume_refuses_a_recreated_topic_without_new_generation(landed: Pipeline) -> None:
    landed.produce(valid(4, first=4))
    landed.drain()
    recreate(landed)
    landed.execute("UPDATE partition_cursor SET drained_at = '-infinity'")
    assert landed.drainer().run() is None
    result = run("ranges", "resume", "--all")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--new-generation" in result.stderr


@pytest.mark.logs_error("offsets lost")
def test_a_recreated_topic_is_adopted_and_lands_beside_the_old_one(landed: Pipeline) -> None:
    landed.produce(valid(4, first=4))
    landed.drain()
    recreate(landed)
    landed.execute("UPDATE offset_range SET lease_until = now() + interval '1 hour' WHERE state = 'planned'")
    held = run("ranges", "resume", "--new-generation")
    assert held.exit_code == 1
    assert "generation 1, partition 0: 1 ranges of the old topic are held until" in held.stderr
    landed.expire_leases()
    ok("ranges", "resume", "--new-generation")
    landed.hints.clear()
    landed.run()
    assert stored(landed) == [(0, 0), (0, 0), (0, 1), (0, 1), (0, 2)]
    assert landed.rows("SELECT generation_id, state, start_offset, end_offset FROM offset_range ORDER BY 1, 3") == [
        (1, "done", 0, 5),
        (1, "lost", 5, 9),
        (2, "done", 0, 2),
    ]


def test_rejects_are_listed_shown_and_counted(landed: Pipeline) -> None:
    rejects: list[dict[str, Any]] = json.loads(ok("quarantine", "ls", "--json"))
    assert {(r["reason"], r["offset"]) for r in rejects} == {("json", 3), ("crossed", 4)}
    assert len(json.loads(ok("quarantine", "ls", "--reason", "json", "--json"))) == 1
    shown = ok("quarantine", "show", "0/3")
    assert ok("quarantine", "show", "1/0/3") == shown
    assert "value: 9 bytes\n" + r'{"broken\x1b' in shown
    assert "00000000  7b 22 62 72 6f 6b 65 6e 1b" in shown
    assert "\x1b" not in shown
    assert run("quarantine", "show", "0/999").exit_code == 1
    assert {row["reason"]: row["rejects"] for row in json.loads(ok("quarantine", "stats", "--json"))} == {
        "json": 1,
        "crossed": 1,
    }


def test_a_long_reject_is_cut_unless_all_of_it_is_wanted(pipeline: Pipeline) -> None:
    pipeline.produce([b"x" * 5_000])
    pipeline.run()
    assert "… 2952 bytes more: --all" in ok("quarantine", "show", "0/0")
    assert "bytes more" not in ok("quarantine", "show", "0/0", "--all")
