"""Where settings come from, and what in an environment is a mistake."""

import json

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from orderbook.cli.main import app
from orderbook.cli.setting_sources import WINS_OVER_OURS, problems, setting_list, shown
from orderbook.config import Settings

run = CliRunner()


@pytest.fixture(autouse=True)
def nobody_elses_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WINS_OVER_OURS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("postgresql+psycopg2://market:s3cret@db:5432/marketdata", "postgresql://market:***@db:5432/marketdata"),
        ("postgresql://market:a/b@c:d@db/marketdata", "postgresql://market:***@db/marketdata"),
        ("postgresql://db/marketdata?user=a&password=s3cret", "postgresql://db/marketdata?***"),
        ("redis://:s3cret@cache:6379/0", "redis://:***@cache:6379/0"),
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("s3cret", "***"),
    ],
)
def test_a_secret_shows_its_host_and_never_its_password(secret: str, text: str) -> None:
    assert shown(SecretStr(secret)) == text


def test_each_setting_names_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"DATABASE_URL": "postgresql://a:b@c/d", "ORDERBOOK_KAFKA__TOPIC": "t", "ORDERBOOK_LOG_LEVEL": ""}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    running = {"REDIS_URL": "redis://up/0", "DATABASE_URL": "postgresql://not/this"}
    sources = {setting.name: setting.source for setting in setting_list(Settings(), environment, running)}
    assert sources["ORDERBOOK_DATABASE__URL"] == "DATABASE_URL"
    assert sources["ORDERBOOK_KAFKA__TOPIC"] == "ORDERBOOK_KAFKA__TOPIC"
    assert sources["ORDERBOOK_REDIS__URL"] == "running `orderbook up`"
    assert sources["ORDERBOOK_KAFKA__PARTITIONS"] == "default"
    assert sources["ORDERBOOK_LOG_LEVEL"] == "default"


def test_whatever_a_running_up_lends_is_said_to_come_from_it() -> None:
    running = {"ORDERBOOK_DATABASE__INGEST_URL": "postgresql://i@up/d", "ORDERBOOK_METRICS__PORT": "20123"}
    lent = ("ORDERBOOK_DATABASE__INGEST_URL", "ORDERBOOK_METRICS__PORT")
    for environment, sources in (
        ({}, ["running `orderbook up`"] * 2),
        ({"DATABASE_URL": "postgresql://a:b@c/d"}, ["default", "running `orderbook up`"]),
    ):
        found = {setting.name: setting.source for setting in setting_list(Settings(), environment, running)}
        assert [found[name] for name in lent] == sources


def test_the_prefixed_name_is_the_source_where_both_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"REDIS_URL": "redis://one/0", "ORDERBOOK_REDIS__URL": "redis://two/0"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (found,) = [s for s in setting_list(Settings(), environment, {}) if s.name == "ORDERBOOK_REDIS__URL"]
    assert (found.value, found.source) == ("redis://two/0", "ORDERBOOK_REDIS__URL")
    assert problems(environment) == ["ORDERBOOK_REDIS__URL and REDIS_URL are both set and differ: "
                                     "ORDERBOOK_REDIS__URL wins"]  # fmt: skip


def test_a_misspelt_variable_gets_a_hint() -> None:
    assert problems({"ORDERBOOK_KAFKA_TOPIC": "x"}) == [
        "ORDERBOOK_KAFKA_TOPIC is not a setting: did you mean ORDERBOOK_KAFKA__TOPIC?"
    ]


@pytest.mark.parametrize("name", WINS_OVER_OURS)
def test_a_variable_that_wins_over_ours_is_told_without_its_value(name: str) -> None:
    (line,) = problems({name: "amqp://user:s3cret@elsewhere"})
    assert line.startswith(f"{name} is set: ")
    assert "s3cret" not in line


def test_a_clean_environment_has_no_problem() -> None:
    assert problems({"PATH": "/bin", "ORDERBOOK_KAFKA__TOPIC": "t", "ORDERBOOK_UP_PID": "1"}) == []


def test_config_check_exits_with_1_and_names_each_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere")
    monkeypatch.setenv("ORDERBOOK_KAFKA__PARTITIONS", "0")
    result = run.invoke(app, ["config", "check"])
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "CELERY_BROKER_URL is set",
        "ORDERBOOK_KAFKA__PARTITIONS",
    ]


def test_config_check_is_content_with_the_defaults() -> None:
    assert run.invoke(app, ["config", "check"]).exit_code == 0


def test_config_show_stops_at_a_wrong_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://localhost/x")
    result = run.invoke(app, ["config", "show"])
    assert result.exit_code == 2
    assert "DATABASE_URL" in result.stderr


def test_config_show_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://market:s3cret@db/marketdata")
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@cache/0")
    monkeypatch.setenv("ORDERBOOK_KAFKA__SASL_PASSWORD", "s3cret")
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        result = run.invoke(app, arguments)
        assert result.exit_code == 0
        assert "s3cret" not in result.output
    assert {"name", "value", "source", "meaning"} == set(json.loads(result.stdout)[0])
