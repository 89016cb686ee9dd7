"""Settings: which name wins, and what is said of a wrong value."""

import os
from pathlib import Path

import pytest

from orderbook import config
from orderbook.config import Settings, running_servers, settings
from orderbook.errors import ConfigError

SECRET = "hunter2"  # must never be seen
NO_PID = "999999999"  # above any pid there is


def lend(folder: Path, pid: object, **urls: str) -> Path:
    """The services.env that a running `orderbook up` leaves in its data folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "services.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in {**urls, "ORDERBOOK_UP_PID": pid}.items()))
    return path


def wrong(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        settings()
    assert raised.value.__cause__ is None  # its text would show the value
    return str(raised.value)


def test_without_an_environment_the_defaults_hold() -> None:
    assert settings().kafka.bootstrap_servers == "localhost:9092"
    assert settings().ingest.lease_seconds == 10


@pytest.mark.parametrize(
    ("variable", "text", "section", "field", "value"),
    [
        ("ORDERBOOK_KAFKA__PARTITIONS", "3", "kafka", "partitions", 3),
        ("ORDERBOOK_KAFKA__EXPECT_GAPS", "true", "kafka", "expect_gaps", True),
        ("orderbook_kafka__topic", "x", "kafka", "topic", "x"),
        ("ORDERBOOK_INGEST__LEASE_SECONDS", "2.5", "ingest", "lease_seconds", 2.5),
        ("ORDERBOOK_INGEST__PROFILES_FILE", "p.toml", "ingest", "profiles_file", Path("p.toml")),
        ("ORDERBOOK_DRAIN__MAX_OPEN", "1", "drain", "max_open", 1),
        ("KAFKA_BOOTSTRAP_SERVERS", "k:1", "kafka", "bootstrap_servers", "k:1"),
    ],
)
def test_the_environment_names_a_setting(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, section: str, field: str, value: object
) -> None:
    monkeypatch.setenv(variable, text)
    assert getattr(getattr(settings(), section), field) == value


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_a_database_url_names_the_driver_that_we_have(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://u:p@h/d?sslmode=require")
    assert settings().database.url.get_secret_value() == "postgresql+psycopg2://u:p@h/d?sslmode=require"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "ORDERBOOK_KAFKA__PARTITIONS", "ORDERBOOK_INGEST__PROFILES_FILE"):
        monkeypatch.setenv(name, "")
    assert settings().kafka.bootstrap_servers == "localhost:9092"
    assert (settings().kafka.partitions, settings().ingest.profiles_file) == (6, None)


def test_the_prefixed_name_wins_over_the_well_known_one_and_that_over_a_running_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = [settings().redis.url.get_secret_value()]
    lend(tmp_path / "no-servers", os.getpid(), REDIS_URL="redis://lent:1/0")
    for name, url in (
        (None, None),
        ("REDIS_URL", "redis://known:1/0"),
        ("ORDERBOOK_REDIS__URL", "redis://prefixed:1/0"),
    ):
        if name is not None and url is not None:
            monkeypatch.setenv(name, url)
        settings.cache_clear()
        seen.append(settings().redis.url.get_secret_value())
    assert seen == ["redis://localhost:6379/0", "redis://lent:1/0", "redis://known:1/0", "redis://prefixed:1/0"]


def test_one_section_may_come_from_several_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lend(tmp_path / "no-servers", os.getpid(), DATABASE_URL="postgresql://lent/d", KAFKA_BOOTSTRAP_SERVERS="lent:1")
    monkeypatch.setenv("ORDERBOOK_KAFKA__TOPIC", "mine")
    monkeypatch.setenv("ORDERBOOK_DATABASE__READER_URL", "postgresql://reader/d")
    database = settings().database
    assert (settings().kafka.topic, settings().kafka.bootstrap_servers) == ("mine", "lent:1")
    assert database.url.get_secret_value() == "postgresql+psycopg2://lent/d"
    assert database.reader_url is not None
    assert database.reader_url.get_secret_value() == "postgresql+psycopg2://reader/d"


@pytest.mark.parametrize("pid", [NO_PID, "", "x", "0", "-1", "²", "9" * 40])
def test_an_up_that_no_longer_lives_lends_nothing(tmp_path: Path, pid: str) -> None:
    lend(tmp_path / "no-servers", pid, KAFKA_BOOTSTRAP_SERVERS="lent:1")
    assert running_servers() == {}
    assert settings().kafka.bootstrap_servers == "localhost:9092"


def test_the_up_of_this_folder_comes_before_the_default_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lend(tmp_path / "no-servers", os.getpid(), KAFKA_BOOTSTRAP_SERVERS="default:1")
    pointer = tmp_path / "pointer"
    pointer.write_text(f"{lend(tmp_path / 'here', os.getpid(), KAFKA_BOOTSTRAP_SERVERS='here:1')}\n")
    monkeypatch.setattr(config, "POINTER", pointer)
    assert settings().kafka.bootstrap_servers == "here:1"
    lend(tmp_path / "here", NO_PID, KAFKA_BOOTSTRAP_SERVERS="here:1")
    settings.cache_clear()
    assert settings().kafka.bootstrap_servers == "default:1"


def test_a_data_folder_that_is_named_is_the_only_one_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pointer = tmp_path / "pointer"
    pointer.write_text(str(lend(tmp_path / "here", os.getpid(), KAFKA_BOOTSTRAP_SERVERS="here:1")))
    monkeypatch.setattr(config, "POINTER", pointer)
    assert running_servers(tmp_path / "other") == {}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ORDERBOOK_DATABASE__URL", f"mysql://u:{SECRET}@h/d"),
        ("DATABASE_URL", f"mysql://u:{SECRET}@h/d"),
        ("DATABASE_URL", SECRET),
        ("REDIS_URL", f"http://u:{SECRET}@h"),
        ("KAFKA_BOOTSTRAP_SERVERS", "h"),
        ("ORDERBOOK_KAFKA__PARTITIONS", "0"),
        ("ORDERBOOK_KAFKA__PARTITIONS", "six"),
        ("ORDERBOOK_KAFKA__CLIENT", "sarama"),
        ("ORDERBOOK_KAFKA__TYPO", "1"),
        ("ORDERBOOK_KAFKA", "localhost"),
        ("ORDERBOOK_LOG_LEVEL", "debug"),
        ("ORDERBOOK_DRAIN__MAX_OFFSETS", "0"),
        ("ORDERBOOK_INGEST__LEASE_SECONDS", "soon"),
        ("ORDERBOOK_INGEST__UNKNOWN_FIELDS", "ignore"),
        ("ORDERBOOK_SIMULATOR__INTERVAL", "inf"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    said = wrong(monkeypatch, **{variable: text})
    assert said.startswith(f"{variable}: ")
    assert "\n" not in said
    assert SECRET not in said


def test_each_wrong_value_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said = wrong(monkeypatch, ORDERBOOK_KAFKA__PARTITIONS="0", ORDERBOOK_DRAIN__MAX_OPEN="0", REDIS_URL="x")
    assert sorted(line.split(":")[0] for line in said.splitlines()) == [
        "ORDERBOOK_DRAIN__MAX_OPEN",
        "ORDERBOOK_KAFKA__PARTITIONS",
        "REDIS_URL",
    ]


def test_the_name_that_was_set_is_the_one_that_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    said = wrong(monkeypatch, DATABASE_URL="postgresql://fine/d", ORDERBOOK_DATABASE__URL="sqlite://")
    assert said.startswith("ORDERBOOK_DATABASE__URL: ")


def test_no_secret_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", *(f"ORDERBOOK_DATABASE__{role}_URL" for role in ("INGEST", "READER", "MIGRATOR"))):
        monkeypatch.setenv(name, f"postgresql://u:{SECRET}@h/d")
    monkeypatch.setenv("REDIS_URL", f"redis://:{SECRET}@h/0")
    monkeypatch.setenv("ORDERBOOK_KAFKA__SASL_PASSWORD", SECRET)
    for shown in (str(settings()), repr(settings()), settings().model_dump_json()):
        assert SECRET not in shown


def test_settings_do_not_change_under_a_running_process(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings()
    monkeypatch.setenv("ORDERBOOK_KAFKA__TOPIC", "another")
    assert settings() is before
    with pytest.raises(ValueError, match="frozen"):
        before.kafka.topic = "another"


def test_folders_of_data_and_cache_follow_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert config.cache_dir() == tmp_path / "orderbook"
    assert config.default_data_dir() == tmp_path / "no-servers"
    monkeypatch.delenv("ORDERBOOK_DATA_DIR")
    for uid, expected in ((0, Path("/var/lib/orderbook")), (1000, tmp_path / "orderbook")):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        assert config.default_data_dir() == expected


def test_roles_of_a_running_up_are_not_lent_to_another_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lent = "postgresql://market_ingest:x@127.0.0.1:1/marketdata"
    (tmp_path / "services.env").write_text(f"ORDERBOOK_UP_PID={os.getpid()}\nORDERBOOK_DATABASE__INGEST_URL={lent}\n")
    monkeypatch.setenv("ORDERBOOK_DATA_DIR", str(tmp_path))
    found = Settings().database.ingest_url
    assert found is not None
    assert found.get_secret_value().endswith("@127.0.0.1:1/marketdata")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:x@elsewhere/marketdata")
    assert Settings().database.ingest_url is None


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ORDERBOOK_FLOWER_ADDRESS": "0.0.0.0"}, "off loopback"),
        ({"ORDERBOOK_FLOWER_BASIC_AUTH": "market"}, "expected user:password"),
    ],
)
def test_a_flower_that_anyone_could_use_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"ORDERBOOK_FLOWER_BASIC_AUTH: .*{told}"):
        settings()


def test_flower_off_loopback_with_a_password_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERBOOK_FLOWER_ADDRESS", "0.0.0.0")
    monkeypatch.setenv("ORDERBOOK_FLOWER_BASIC_AUTH", "anna:s3cret")
    assert "s3cret" not in repr(settings())
