"""The commands about services, over a pipeline that has landed something: output and exit codes."""

import json

import pytest

from orderbook.config import settings
from orderbook.store.days import make_days_ahead
from orderbook.store.ledger.partition_ledger import PartitionLedger
from tests.commands import ok, outside, run
from tests.pipeline import Pipeline, valid
from tests.servers import RunningServers, Stack


def test_upgrade_makes_the_schema_and_current_and_check_agree(
    servers: RunningServers, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    settings.cache_clear()
    assert run("db", "current").exit_code == 1
    assert run("db", "check").exit_code == 1
    for _ in range(2):
        assert "The schema is at the head." in outside("db", "upgrade").stderr
    assert run("db", "current").exit_code == 0
    assert run("db", "check").exit_code == 0


def test_partitions_lists_days_with_rows_and_bytes(landed: Pipeline) -> None:
    make_days_ahead(landed.engine, 1)
    days = json.loads(ok("db", "partitions", "--exact", "--json"))
    assert sum(day["rows"] for day in days) == 3
    assert set(days[0]) == {"day", "rows", "estimated", "bytes"}


def test_shell_gives_psql_the_password_by_the_environment(stack: Stack) -> None:
    done = outside("db", "shell", "--", "-At", "-c", "SELECT current_database()")
    assert done.stdout.strip() == stack.database_url.rpartition("/")[2]


def test_topics_create_is_idempotent_and_describe_shows_the_partitions(stack: Stack) -> None:
    assert "is made" in run("topics", "create").stderr
    assert "was there already" in run("topics", "create").stderr
    found = json.loads(ok("topics", "describe", "--json"))
    assert (found["topic"], len(found["partitions"])) == (stack.topic, 6)
    assert len(ok("topics", "describe").splitlines()) == 8


def test_lag_counts_messages_and_the_age_of_the_oldest(landed: Pipeline) -> None:
    assert [row["lag_messages"] for row in json.loads(ok("topics", "lag", "--json"))] == [0, 0]
    landed.produce(valid(7, first=4))
    first, _ = json.loads(ok("topics", "lag", "--json"))
    assert (first["end"], first["committed"], first["group"], first["lag_messages"]) == (12, 5, 5, 7)
    assert 0 <= first["lag_seconds"] < 60


def test_topics_tail_shows_the_raw_log_escaped(landed: Pipeline) -> None:
    lines = ok("topics", "tail", "--from-beginning", "--limit", "4").splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["0", str(n)] for n in range(4)]
    assert lines[3].endswith('k\t{"broken\\x1b')


def test_topics_tail_of_a_partition_that_there_is_not_is_refused(landed: Pipeline) -> None:
    result = run("topics", "tail", "--partition", "9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no partition 9" in result.stderr


def test_status_shows_the_pipeline_on_a_screen_and_as_json(landed: Pipeline) -> None:
    screen = ok("status")
    assert f"{landed.topic}: 0 messages behind" in screen
    assert "crossed 1, json 1" in screen
    state = json.loads(ok("status", "--json"))
    assert [p["committed"] for p in state["partitions"]] == [5, 0]
    assert (state["landed"]["ok"], state["landed"]["bad"], state["alarms"]) == (3, 2, 0)
    assert state["rejects"] == {"crossed": 1, "json": 1}
    assert state["newest_tick_seconds_ago"] < 600


def test_status_without_kafka_shows_the_ledger_and_exits_with_3(
    landed: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("ORDERBOOK_KAFKA__REQUEST_TIMEOUT_SECONDS", "0.2")
    assert "Kafka is away" in outside("status", code=3).stdout


def test_an_unreachable_postgres_is_one_line_and_exit_code_3(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://market:s3cret@127.0.0.1:1/marketdata")
    settings.cache_clear()
    for command in (["db", "current"], ["query", "SELECT 1"], ["ranges", "ls"], ["tail"]):
        result = run(*command)
        assert (result.exit_code, result.stdout) == (3, "")
        assert len(result.stderr.splitlines()) == 1
        assert "s3cret" not in result.stderr
    assert len(outside("db", "upgrade", code=3).stderr.splitlines()) == 1


def test_doctor_is_content_with_a_running_pipeline(landed: Pipeline) -> None:
    make_days_ahead(landed.engine, settings().database.days_ahead)
    landed.drain()
    found = {line["check"]: line["outcome"] for line in json.loads(ok("doctor", "--json"))}
    for check in ("kafka", "topic", "redis", "postgres", "schema", "days", "drainer", "alarms"):
        assert found[check] == "ok", found


def test_doctor_names_the_fix_of_what_failed(landed: Pipeline) -> None:
    with landed.engine.begin() as connection:
        PartitionLedger(connection, 1, 1).halt("low_end", "for the test")
    result = run("doctor")
    assert result.exit_code == 1
    assert "halted partitions: 1 (low_end)" in result.stdout
    assert "orderbook ranges resume" in result.stdout


def test_doctor_without_services_exits_with_3_and_tells_each(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://market@127.0.0.1:1/marketdata")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("ORDERBOOK_KAFKA__REQUEST_TIMEOUT_SECONDS", "0.2")
    found = json.loads(outside("doctor", "--json", code=3).stdout)
    away = {line["check"] for line in found if line["outcome"] == "away"}
    assert away == {"kafka", "redis", "postgres"}


def test_doctor_names_a_topic_that_is_not_there(stack: Stack) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 1
    (topic,) = [line for line in json.loads(result.stdout) if line["check"] == "topic"]
    assert (topic["outcome"], topic["fix"]) == ("fail", "orderbook topics create")


def test_a_pipe_gets_data_on_standard_output_and_no_color(landed: Pipeline) -> None:
    for command in (["topics", "lag"], ["status"]):
        done = outside(*command, "--json")
        json.loads(done.stdout)
        assert "\x1b" not in done.stdout + done.stderr
