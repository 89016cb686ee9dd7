"""Settings: the only reader of the environment.

Prefix ``ORDERBOOK_``, nested with ``__``; ``DATABASE_URL``, ``REDIS_URL``, ``KAFKA_BOOTSTRAP_SERVERS`` and
``AWS_ENDPOINT_URL`` work too, and the prefixed name wins. Where a URL is set nowhere, a running ``orderbook up`` lends
its own.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from orderbook.errors import ConfigError
from orderbook.sections import (
    CompletenessSettings,
    DatabaseSettings,
    DrainSettings,
    EnergySettings,
    IngestSettings,
    KafkaSettings,
    MetricsSettings,
    RedisSettings,
    SimulatorSettings,
)
from orderbook.stored_sections import ApiSettings, ArchiveSettings, ExpectationsSettings, QuerySettings

PREFIX = "ORDERBOOK_"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LENT = {  # by a running `up`, with the well-known names
    "ORDERBOOK_DATABASE__INGEST_URL": ("database", "ingest_url"),
    "ORDERBOOK_DATABASE__READER_URL": ("database", "reader_url"),
    "ORDERBOOK_DATABASE__ARCHIVER_URL": ("database", "archiver_url"),
}
LENT_TOO = {
    "ORDERBOOK_METRICS__PORT": ("metrics", "port"),  # `up` takes another port where ours is taken
    "ORDERBOOK_API__PORT": ("api", "port"),  # the same
    "ORDERBOOK_ARCHIVE__ROOT": ("archive", "root"),  # in its data folder
}
WELL_KNOWN = {
    "DATABASE_URL": ("database", "url"),
    "REDIS_URL": ("redis", "url"),
    "KAFKA_BOOTSTRAP_SERVERS": ("kafka", "bootstrap_servers"),
    "AWS_ENDPOINT_URL": ("archive", "endpoint_url"),
}
POINTER = Path(".orderbook") / "services"  # in the working directory; names the services.env of a running `up`


class Settings(BaseSettings):
    """All settings, read once per process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, enable_decoding=False, frozen=True
    )

    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    kafka: KafkaSettings = KafkaSettings()
    drain: DrainSettings = DrainSettings()
    ingest: IngestSettings = IngestSettings()
    completeness: CompletenessSettings = CompletenessSettings()
    energy: EnergySettings = EnergySettings()
    archive: ArchiveSettings = ArchiveSettings()
    query: QuerySettings = QuerySettings()
    expectations: ExpectationsSettings = ExpectationsSettings()
    simulator: SimulatorSettings = SimulatorSettings()
    metrics: MetricsSettings = MetricsSettings()
    api: ApiSettings = ApiSettings()
    data_dir: Path | None = Field(None, description="of the embedded servers; see `orderbook up --help`")
    kafka_home: Path | None = Field(None, description="a folder with Kafka's jars, instead of the fetched ones")
    flower_address: str = Field("127.0.0.1", description="where Flower listens")
    flower_basic_auth: SecretStr | None = Field(
        None, validate_default=True, description="user:password that Flower asks for; needed off loopback"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="of every process")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else JSON")
    crashpoints: Path | None = Field(None, description="tests only: see orderbook/crashpoints.py")

    @field_validator("flower_basic_auth")
    @classmethod
    def _guards_flower(cls, auth: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if auth is not None and not all(auth.get_secret_value().partition(":")):
            raise ValueError("expected user:password")
        if auth is None and others.data.get("flower_address") not in LOOPBACK:
            raise ValueError("Flower can stop workers: off loopback it needs user:password here")
        return auth

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, WellKnownNames(settings_cls), RunningServers(settings_cls)


class WellKnownNames(PydanticBaseSettingsSource):
    """The names other tools use for the three services."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def variables(self) -> dict[str, str]:
        return {name: os.environ[name] for name in WELL_KNOWN if name in os.environ}

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        variables = self.variables()
        for name, (section, field) in (WELL_KNOWN | LENT | LENT_TOO).items():
            if variables.get(name):
                found.setdefault(section, {})[field] = variables[name]
        return found


class RunningServers(WellKnownNames):
    """The addresses of a living ``orderbook up``: of this working directory, else of the default data folder."""

    def variables(self) -> dict[str, str]:
        return _lent(os.environ, running_servers())


def _lent(environment: Mapping[str, str], running: Mapping[str, str]) -> dict[str, str]:
    own_database = any(environment.get(name) for name in ("DATABASE_URL", f"{PREFIX}DATABASE__URL"))
    # beside a database of one's own, the roles of `up` would be those of another
    return {name: value for name, value in running.items() if not (own_database and name in LENT)}


def lent_places(environment: Mapping[str, str], running: Mapping[str, str]) -> set[tuple[str, ...]]:
    """Where in the settings a running ``orderbook up`` puts its values, unless the environment has its own there."""
    names = WELL_KNOWN | LENT | LENT_TOO
    return {names[name] for name, value in _lent(environment, running).items() if value and name in names}


def default_data_dir() -> Path:
    """Where the embedded servers keep their data unless told otherwise."""
    if os.environ.get(f"{PREFIX}DATA_DIR"):
        return Path(os.environ[f"{PREFIX}DATA_DIR"]).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/orderbook")  # a demoted uid cannot read root's home
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "orderbook"


def cache_dir() -> Path:
    """Where downloads are kept: of this user, and safe to delete."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orderbook"


def running_servers(data_dir: Path | None = None) -> dict[str, str]:
    """The ``services.env`` of a running ``orderbook up``, as a mapping; empty where none runs.

    Of ``data_dir``; else of the one started in this working directory, else of the default data folder.
    """
    candidates = [(data_dir or default_data_dir()) / "services.env"]
    if data_dir is None:
        with suppress(OSError):  # no `up` was started from this folder
            candidates.insert(0, Path(POINTER.read_text().strip()))
    for path in candidates:
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        variables = dict(line.split("=", 1) for line in lines if "=" in line)
        if _lives(variables.get("ORDERBOOK_UP_PID", "")):
            return variables
    return {}


def _lives(pid: str) -> bool:
    if not (pid.isdecimal() and 0 < int(pid) < 2**31):
        return False
    try:
        with suppress(PermissionError):  # another user's lives too
            os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


@cache
def settings() -> Settings:
    """The settings of this process.

    Raises ``ConfigError`` with one line per wrong value, naming its variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigError("\n".join(_lines(error))) from None


def _lines(error: ValidationError) -> list[str]:
    known: dict[tuple[str, ...], str] = {path: name for name, path in WELL_KNOWN.items()}
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        where = tuple(str(part) for part in problem["loc"])
        prefixed = PREFIX + "__".join(where).upper()
        name = prefixed if prefixed in os.environ else known.get(where[:2], prefixed)
        lines.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
    return lines
