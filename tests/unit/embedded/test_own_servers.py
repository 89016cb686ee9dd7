"""When ``orderbook up`` leaves the servers to others."""

import pytest
from typer.testing import CliRunner

from orderbook.cli.main import app
from orderbook.embedded.own_servers import SERVICES, are_named
from orderbook.errors import ConfigError

OWN = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka.desk:9092",
    "REDIS_URL": "redis://redis.desk:6379/0",
    "DATABASE_URL": "postgresql://market@postgres.desk/marketdata",
}
PREFIXED = {
    "ORDERBOOK_KAFKA__BOOTSTRAP_SERVERS": "kafka.desk:9092",
    "ORDERBOOK_REDIS__URL": "redis://redis.desk:6379/0",
    "orderbook_database__url": "postgresql://market@postgres.desk/marketdata",
}


@pytest.mark.parametrize("environment", [OWN, PREFIXED])
def test_all_three_addresses_are_servers_of_ones_own(environment: dict[str, str]) -> None:
    assert are_named(environment)


@pytest.mark.parametrize(
    "environment", [{}, {"PATH": "/bin"}, dict.fromkeys(SERVICES, ""), OWN | {"ORDERBOOK_UP_PID": "7"}]
)
def test_none_of_them_or_what_an_up_has_lent_are_not(environment: dict[str, str]) -> None:
    assert not are_named(environment)


@pytest.mark.parametrize("name", SERVICES)
def test_some_of_them_alone_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: set, but not "):
        are_named({name: OWN[name]})


@pytest.mark.parametrize("flags", [("--only", "servers"), ("--reset",)])
def test_servers_of_ones_own_are_neither_started_nor_reset(flags: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["up", *flags], env=OWN)
    assert result.exit_code == 2
    assert "neither started nor reset" in result.stderr
