"""Settings of what is done with ticks once they are stored."""

import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from orderbook.sections import Section


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
    most_replays: int = Field(4, ge=1, description="replays at a time; each may hold some 150 MB")
    flower_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="where the page links to Flower; `orderbook up` says where its own is",
    )
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
    spool_mb: int = Field(4096, ge=64, description="of Postgres' rows that one scan may put on disk")


class ExpectationsSettings(Section):
    """How Great Expectations judges what is stored (`pip install 'orderbook[quality]'`)."""

    interval_seconds: float = Field(900, gt=0, description="workers have the last hour judged this often")
    day_after_seconds: float = Field(1800, ge=0, description="a day is judged this long after it ended (UTC)")
    seconds: float = Field(600, gt=0, description="the longest run")
    memory_bytes: int = Field(2**30, ge=2**29, description="the most memory of a run (on Linux, its data segment)")
    keep_days: int = Field(30, ge=1, description="results of an hour are kept this long, those of days for ever")
