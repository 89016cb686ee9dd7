"""What can be set, by part: each field with its meaning and unit. ``config.py`` reads them from the environment."""

import re
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
    client: Literal["auto", "confluent", "kafka-python"] = Field(
        "auto", description="reads ranges; auto: confluent where installed"
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
    fast_lane: bool = Field(True, description="judge whole ranges at once; false: record by record, ten times slower")
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


class ApiSettings(Section):
    """The HTTP interface and the live page."""

    address: str = Field("127.0.0.1", description="where it listens; any other than loopback wants `keys`")
    port: int = Field(8080, ge=0, le=65_535, description="of the API; `orderbook up` takes another where it is taken")
    hosts: str = Field("", description="names it answers to, comma-separated, beside its own address and localhost")
    keys: SecretStr = Field(
        SecretStr(""), description="scope:sha256, comma-separated; `orderbook api --new-key read` makes one"
    )
    connections: int = Field(8, ge=2, le=100, description="to Postgres, for requests; more wait for a moment")
    query_seconds: float = Field(30, gt=0, le=3600, description="the longest statement of a request")
    most_rows: int = Field(10_000_000, ge=1, description="rows in one answer; JSON ends at a hundredth of it")
    most_days: int = Field(400, ge=1, description="the longest range of one request")
    most_live: int = Field(500, ge=1, description="live clients at a time")
    rate_per_second: float = Field(500, gt=0, description="requests of one client or key; bursts of twice that")

    @field_validator("keys")
    @classmethod
    def _are_hashes(cls, keys: SecretStr) -> SecretStr:
        for part in filter(None, (part.strip() for part in keys.get_secret_value().split(","))):
            if not re.fullmatch(r"(read|operate):[0-9a-f]{64}", part):
                raise ValueError(
                    "expected read:SHA256 or operate:SHA256, comma-separated: orderbook api --new-key read"
                )
        return keys


class CompletenessSettings(Section):
    """How sequence ids are watched. Rules and sessions stand in the profiles."""

    interval_seconds: float = Field(1, gt=0, description="beat sends a `stitch` this often")
    confirm_after_seconds: float = Field(900, ge=0, description="a gap that stayed open for this long is confirmed")


class ArchiveSettings(Section):
    """The cold store. Credentials of S3 come from the usual variables (``AWS_ACCESS_KEY_ID``, a profile, a role)."""

    root: str | None = Field(
        None,
        min_length=1,
        description="a folder that all machines share, or s3://bucket/prefix; unset, beat archives nothing "
        "and the commands use `cold` in the data folder",
    )
    endpoint_url: str | None = Field(None, description="of an S3 that is not Amazon's: http://host:port")
    region: str | None = Field(None, description="of S3; default: as the usual variables say")
    checksums: Literal["when_required", "when_supported"] = Field(
        "when_required",
        description="of S3 uploads; most look-alikes refuse `when_supported`. We read back what we write",
    )
    attempts: int = Field(5, ge=1, description="at each request to S3, and at each file as a whole")
    request_timeout_seconds: float = Field(30, gt=0, description="one request to S3")
    interval_seconds: float = Field(3600, gt=0, description="beat sends an `archive` this often")
    run_seconds: float = Field(21_600, gt=0, description="a run that beat started begins no day after this")
    late_quiet_seconds: float = Field(
        86_400, ge=0, description="late ticks of a frozen day become a further file when none came for this long"
    )
    restored_days: float = Field(7, ge=0, description="a restored day stays hot for this long")


class QuerySettings(Section):
    """Bounds of one query over hot and cold."""

    seconds: float = Field(60, gt=0, description="after which it is ended")
    memory_mb: int = Field(512, ge=64, description="that DuckDB may use; larger sorts and joins go to disk")
    threads: int = Field(2, ge=1, description="of DuckDB")


class ExpectationsSettings(Section):
    """How Great Expectations judges what is stored (`pip install 'orderbook[quality]'`)."""

    interval_seconds: float = Field(900, gt=0, description="workers have the last hour judged this often")
    day_after_seconds: float = Field(1800, ge=0, description="a day is judged this long after it ended (UTC)")
    seconds: float = Field(600, gt=0, description="the longest run")
    memory_bytes: int = Field(2**30, ge=2**29, description="the most memory of a run (on Linux, its data segment)")
    keep_days: int = Field(30, ge=1, description="results of an hour are kept this long, those of days for ever")


class SimulatorSettings(Section):
    """Defaults of `python -m orderbook.simulator`; its flags win."""

    symbols: str = Field("TTF-GAS", min_length=1, description="comma-separated")
    interval: float = Field(0.05, ge=1e-6, allow_inf_nan=False, description="seconds between two ticks of a symbol")
    seed: int | None = Field(None, description="the same seed gives the same walk")
    count: int | None = Field(None, ge=1, description="stop after this many ticks")
    duration: float | None = Field(None, gt=0, allow_inf_nan=False, description="stop after this many seconds")
    fault: str = Field("", description="bad ticks: malformed:1%,crossed:0.5%,late,gap,repeat,reorder,reset,stall")
    stall_seconds: float = Field(45, gt=0, allow_inf_nan=False, description="how long a symbol is silent in a stall")
    ledger: Path | None = Field(None, description="NDJSON file of what was sent and acknowledged, faults marked")
