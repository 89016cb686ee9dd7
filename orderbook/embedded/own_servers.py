"""Servers of one's own: where the environment names all three, ``orderbook up`` starts none."""

from collections.abc import Mapping
from typing import NoReturn

from orderbook.config import PREFIX, WELL_KNOWN
from orderbook.errors import ConfigError

SERVICES = ("KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL", "DATABASE_URL")


def are_named(environment: Mapping[str, str]) -> bool:
    """Whether the environment names Kafka, Redis and Postgres; what ``orderbook env`` exported is not of one's own.

    Raises ``ConfigError`` where it names only some: nobody should find their ticks elsewhere than they said.
    """
    given = {name.upper() for name, value in environment.items() if value}
    if "ORDERBOOK_UP_PID" in given:
        return False
    named = [name for name in SERVICES if given & {name, PREFIX + "__".join(WELL_KNOWN[name]).upper()}]
    if named and len(named) < len(SERVICES):
        lacking = " and ".join(name for name in SERVICES if name not in named)
        raise ConfigError(
            f"{' and '.join(named)}: set, but not {lacking}: set all three for servers of your own, "
            "or none for those that `orderbook up` starts"
        )
    return bool(named)


def refuse(flag: str) -> NoReturn:
    """Raise ``ConfigError`` for what is only for servers that we start."""
    raise ConfigError(f"{flag}: {', '.join(SERVICES)} are set, and servers of your own are neither started nor reset")
