"""Where each setting comes from, and what in the environment is likely a mistake.

Values come from ``config.settings`` alone; the environment is looked at only to say where from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, SecretStr

from orderbook.config import PREFIX, WELL_KNOWN, Settings, lent_places
from orderbook.sections import Section

HIDDEN = "***"
# Not settings: what `up` leaves for other shells, and what tests look for.
OTHER_NAMES = frozenset({"ORDERBOOK_UP_PID", "ORDERBOOK_UP_FOLDER", "ORDERBOOK_CAPTURES"})
WINS_OVER_OURS = {
    "CELERY_BROKER_URL": "Celery takes it for the broker, whatever REDIS_URL says",
    "CELERY_BROKER_READ_URL": "Celery's workers take it for the broker, whatever REDIS_URL says",
    "CELERY_BROKER_WRITE_URL": "Celery sends to it, whatever REDIS_URL says",
    "CELERY_RESULT_BACKEND": "Celery would connect to it; results are not kept",
    "FLOWER_CONF": "Flower reads it instead of flowerconfig.py, which binds it to loopback",
    "FLOWER_UNAUTHENTICATED_API": "Flower lets everyone who reaches it control the workers",
    "PGHOSTADDR": "Postgres' client connects to it, whatever host DATABASE_URL names",
    "PYTHONOPTIMIZE": "Python drops the assertions that guard row counts",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is now. Secrets are masked in ``value``."""

    name: str
    value: str | None
    source: str  # default, the variable's name, or the running `orderbook up`
    meaning: str


def setting_list(settings: Settings, environment: Mapping[str, str], running: Mapping[str, str]) -> list[Setting]:
    """Every setting, in the order of their declaration."""
    names = {name.upper(): name for name in environment}
    return [
        Setting(variable, shown(value), _source(path, variable, names, environment, running), meaning)
        for path, variable, value, meaning in _leaves(settings)
    ]


def shown(value: Any) -> str | None:
    """A value as text; of a secret only what is none: a URL's scheme, user, host and path."""
    if value is None:
        return None
    if not isinstance(value, SecretStr):
        return str(value)
    scheme, separator, rest = value.get_secret_value().partition("://")
    return f"{scheme.partition('+')[0]}://{_masked(rest)}" if separator else HIDDEN


def _masked(rest: str) -> str:
    credentials, at, place = rest.rpartition("@")  # the last one: a password may hold any of these signs
    user, colon, _ = credentials.partition(":")
    place, mark, _ = place.partition("?")  # libpq takes passwords there too
    return f"{user}{f':{HIDDEN}' if colon else ''}{at}{place}{f'?{HIDDEN}' if mark else ''}"


def _leaves(section: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, Any, str]]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), PREFIX + "__".join((*path, name)).upper(), value, field.description or ""


def _source(
    path: tuple[str, ...],
    variable: str,
    names: Mapping[str, str],
    environment: Mapping[str, str],
    running: Mapping[str, str],
) -> str:
    if environment.get(names.get(variable, "")):  # an empty one counts as unset
        return names[variable]
    for name, place in WELL_KNOWN.items():
        if place == path and environment.get(name):
            return name
    return "running `orderbook up`" if path in lent_places(environment, running) else "default"


def problems(environment: Mapping[str, str]) -> list[str]:
    """What is likely a mistake, one line each; no values, since they may be secret."""
    found = [f"{name} is set: {why}" for name, why in WINS_OVER_OURS.items() if environment.get(name)]
    for name, path in WELL_KNOWN.items():
        prefixed = PREFIX + "__".join(path).upper()
        if environment.get(name) and environment.get(prefixed) not in {None, environment[name]}:
            found.append(f"{prefixed} and {name} are both set and differ: {prefixed} wins")
    return found + _unknown(environment)


def _unknown(environment: Mapping[str, str]) -> list[str]:
    known = {variable for _, variable, _, _ in _leaves(Settings.model_construct())}
    found = []
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX) or name.upper() in known | OTHER_NAMES:
            continue
        close = get_close_matches(name.upper(), sorted(known), n=1)
        hint = f"did you mean {close[0]}?" if close else "orderbook config show lists them"
        found.append(f"{name} is not a setting: {hint}")
    return found
