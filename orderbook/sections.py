"""What can be set, by part: each field with its meaning and unit. ``config.py`` reads them from the environment."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, field_validator, model_validator


def psycopg2_url(url: str) -> str:
    """The URL with its driver named: SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3. Raises ``ValueError``."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+psycopg2"}:
        raise ValueError("expected postgresql://user:password@host:port/database")
    return f"postgresql+psycopg2://{rest}"


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DatabaseSettings(Section):
    """Postgres 17 or later."""

    url: SecretStr = Field(
        SecretStr("postgresql://market:market@localhost:5432/marketdata"),
        description="Postgres, database `marketdata`; `?sslmode=verify-full&sslrootcert=FILE` for TLS",
    )
    ingest_url: SecretStr | None = Field(None, description="the drainer's and workers' role; default: `url`")
    reader_url: SecretStr | None = Field(None, description="the role of commands that only read; default: `url`")
    archiver_url: SecretStr | None = Field(None, description="the role of `orderbook archive`; default: `url`")
    migrator_url: SecretStr | None = Field(None, description="the owner of the schema; default: `url`")
    hot_days: int = Field(90, ge=1, description="days of ticks that Postgres keeps before they are frozen")
    days_ahead: int = Field(3, ge=1, le=30, description="daily partitions made ahead")
    merge_after_seconds: float = Field(3600, ge=0, description="finished ranges this old are merged")

    @property
    def owner_url(self) -> str:
        """The URL of the schema's owner."""
        return (self.migrator_url or self.url).get_secret_value()

    @field_validator("url", "ingest_url", "reader_url", "archiver_url", "migrator_url")
    @classmethod
    def _names_psycopg2(cls, url: SecretStr | None) -> SecretStr | None:
        return None if url is None else SecretStr(psycopg2_url(url.get_secret_value()))


class RedisSettings(Section):
    """Redis or Valkey, the broker of Celery."""

    url: SecretStr = Field(SecretStr("redis://localhost:6379/0"), description="the broker; rediss:// for TLS")
    ssl_cafile: FilePath | None = Field(None, description="PEM, with rediss://; default: the system's authorities")

    @property
    def tls(self) -> dict[str, Any] | None:
        """How every client verifies the broker, in redis-py's words; None without TLS.

        Told explicitly, since Kombu takes a bare rediss:// as leave to verify nothing.
        """
        if not self.url.get_secret_value().startswith("rediss://"):
            return None
        authorities = {} if self.ssl_cafile is None else {"ssl_ca_certs": str(self.ssl_cafile)}
        return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **authorities}

    @field_validator("url")
    @classmethod
    def _is_redis(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("expected redis://:password@host:port/0")
        return url


class KafkaSettings(Section):
    """Kafka 2.8 or later (topics have ids from there on)."""

    bootstrap_servers: str = Field("localhost:9092", min_length=3, description="host:port, comma-separated")
    topic: str = Field("orderbook.raw", min_length=1, max_length=249, description="the raw log")
    dead_letter_topic: str = Field(
        "orderbook.dlq", min_length=1, max_length=249, description="where rejects are relayed"
    )
    group_id: str = Field("orderbook", min_length=1, description="the consumer group that the prefix is projected to")
    partitions: int = Field(6, ge=1, description="of a topic that we create")
    replication_factor: int = Field(1, ge=1, description="of a topic that we create")
    retention_hours: float = Field(168, gt=0, description="of a topic that we create: the log keeps this much")
    expect_gaps: bool = Field(False, description="a compacted topic, or one of transactions: empty offsets are normal")
    client: Literal["kafka-python", "confluent"] = Field(
        "kafka-python", description="reads ranges; confluent (an extra) takes twice its CPU"
    )
    request_timeout_seconds: float = Field(5, gt=0, description="one request to a broker")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="of every client"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(None, description="with SASL_*")
    sasl_username: str | None = Field(None, description="with SASL_*")
    sasl_password: SecretStr | None = Field(None, description="with SASL_*")
    ssl_cafile: FilePath | None = Field(
        None, description="PEM, with SSL or SASL_SSL; default: the system's authorities"
    )
    ssl_certfile: FilePath | None = Field(None, description="PEM, for client certificates")
    ssl_keyfile: FilePath | None = Field(None, description="PEM, for client certificates")

    @model_validator(mode="after")
    def _has_what_it_proves(self) -> Self:
        proofs = (self.sasl_mechanism, self.sasl_username, self.sasl_password)
        if self.security_protocol.startswith("SASL") and None in proofs:
            names = ", ".join(f"ORDERBOOK_KAFKA__SASL_{name}" for name in ("MECHANISM", "USERNAME", "PASSWORD"))
            raise ValueError(f"{self.security_protocol} needs {names}")
        return self


class DrainSettings(Section):
    """How the log is cut."""

    interval_seconds: float = Field(0.5, gt=0, description="beat sends a `drain` this often")
    max_offsets: int = Field(20_000, ge=1, le=1_000_000, description="offsets in a range")
    max_open: int = Field(8, ge=1, description="open ranges of a partition: the window, and the backpressure")
    hint_again_seconds: float = Field(5, gt=0, description="an unanswered hint is sent again after this")


class IngestSettings(Section):
    """How a range is landed."""

    lease_seconds: float = Field(10, ge=1, description="a worker that is silent for longer loses its range")
    landing_seconds: float = Field(15, ge=1, description="the longest landing transaction (Postgres ends it)")
    fetch_bytes: int = Field(8 * 2**20, ge=2**20, description="values read in one attempt; the rest becomes a range")
    fetch_seconds: float = Field(20, gt=0, description="time to read in one attempt; the rest becomes a range")
    fast_lane: bool = Field(True, description="judge whole ranges at once; false: record by record, five times slower")
    profiles_file: Path | None = Field(None, description="TOML with validation profiles by symbol pattern")
    unknown_fields: Literal["reject", "count"] = Field("reject", description="what a field the tick lacks means")


class MetricsSettings(Section):
    """What exporter, worker and simulator serve to Prometheus, and how often the exporter looks."""

    enabled: bool = Field(True, description="worker and simulator serve /metrics, too")
    address: str = Field("127.0.0.1", min_length=1, description="where exporter, worker and simulator listen")
    port: int = Field(
        9464, ge=0, le=65_535, description="of the exporter; `orderbook up` takes another where it is taken"
    )
    worker_port: int = Field(9465, ge=0, le=65_535, description="of a worker; another free one where it is taken")
    simulator_port: int = Field(9466, ge=0, le=65_535, description="of a simulator; the same")
    interval_seconds: float = Field(5, gt=0, description="the exporter asks ledger, Kafka and Redis this often")
    stale_seconds: float = Field(30, gt=0, description="what a source has not said anew for this long has no series")


class CompletenessSettings(Section):
    """How sequence ids are watched. Rules and sessions stand in the profiles."""

    interval_seconds: float = Field(1, gt=0, description="beat sends a `stitch` this often")
    clock_interval_seconds: float = Field(2, gt=0, description="beat sends a `watch_clocks` this often")
    clock_step_seconds: float = Field(0.1, gt=0, description="a jump of receive less event time that is an alarm")
    confirm_after_seconds: float = Field(900, ge=0, description="a gap that stayed open for this long is confirmed")


class EnergySettings(Section):
    """Power contracts."""

    areas: str = Field("", description="delivery areas whose contracts are listed ahead in `contract`, such as DE,FR")
    days_ahead: int = Field(2, ge=1, le=30, description="delivery days listed ahead")


class SimulatorSettings(Section):
    """Defaults of `python -m orderbook.simulator`; its flags win."""

    symbols: str = Field("TTF-GAS", min_length=1, description="comma-separated")
    market: Literal["uniform", "calibrated", "power"] = Field(
        "uniform",
        description="uniform: symbols take turns; calibrated: bursts and spreads of real captures; power: contracts of "
        "the delivery areas that `symbols` names",
    )
    interval: float = Field(
        0.05, ge=1e-6, allow_inf_nan=False, description="seconds between two ticks of a symbol, on average over all"
    )
    seed: int | None = Field(None, description="the same seed gives the same walk")
    count: int | None = Field(None, ge=1, description="stop after this many ticks")
    duration: float | None = Field(None, gt=0, allow_inf_nan=False, description="stop after this many seconds")
    fault: str = Field("", description="bad ticks: malformed:1%,crossed:0.5%,late,gap,repeat,reorder,reset,stall")
    stall_seconds: float = Field(45, gt=0, allow_inf_nan=False, description="how long a symbol is silent in a stall")
    ledger: Path | None = Field(None, description="NDJSON file of what was sent and acknowledged, faults marked")
