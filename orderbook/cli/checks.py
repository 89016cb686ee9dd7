"""What ``orderbook doctor`` looks at: each check returns its findings and raises nothing."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from orderbook.cli.failures import one_line
from orderbook.cli.setting_sources import problems
from orderbook.clock import utc_now
from orderbook.config import Settings, default_data_dir
from orderbook.errors import OrderbookError, Unavailable
from orderbook.metrics import SOURCE_UP
from orderbook.store.database import server_version
from orderbook.store.days import list_days
from orderbook.store.ledger.ledger import Ledger
from orderbook.store.reader import Reader
from orderbook.store.readers.ledger import newest_cursors, open_alarms
from orderbook.store.schema import schema_revisions
from orderbook.stream.topics import TopicClient

OLDEST_POSTGRES = 17  # transaction_timeout came with it
DRAINED_SECONDS = 5.0  # ten beats
CLOCK_SECONDS = 2.0  # two hosts on NTP are closer
EXPORTER_SECONDS = 5.0
LEAST_BYTES = 2**30
LEAST_SHARE = 0.1
START_UP = "start it, or `orderbook up`, which brings all servers"


class Outcome(StrEnum):
    """Of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    AWAY = "away"  # a service that cannot be reached


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    check: str
    outcome: Outcome
    text: str
    fix: str = ""


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything, as it is found. Blocks for some seconds where a service is away."""
    yield _python()
    yield _environment()
    yield from _kafka(settings)
    yield _redis(settings)
    yield from _postgres(settings)
    yield _exporter(settings)
    yield _disk()


def _python() -> Finding:
    found = sys.version.split()[0]
    if sys.flags.optimize:
        return Finding("python", Outcome.WARN, f"{found} with -O", "run without it: assertions guard row counts")
    return Finding("python", Outcome.OK, found)


def _environment() -> Finding:
    found = problems(os.environ)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return Finding("settings", Outcome.WARN, f"{found[0]}{more}", "orderbook config check")
    return Finding("settings", Outcome.OK, "all understood")


def _kafka(settings: Settings) -> Iterator[Finding]:
    from orderbook.cli.services import silence_kafka

    silence_kafka()
    try:
        client = TopicClient(settings.kafka)
    except OrderbookError as error:
        yield _failed("kafka", error, f"KAFKA_BOOTSTRAP_SERVERS is {settings.kafka.bootstrap_servers}: {START_UP}")
        return
    with client:
        yield Finding("kafka", Outcome.OK, settings.kafka.bootstrap_servers)
        try:
            identity = client.identity()
        except OrderbookError as error:
            yield Finding("topic", Outcome.FAIL, one_line(error), "orderbook topics create")
            return
        yield Finding("topic", Outcome.OK, f"{settings.kafka.topic}, {len(identity.partitions)} partitions")


def _redis(settings: Settings) -> Finding:
    from redis import Redis, RedisError

    url = settings.redis.url.get_secret_value()
    try:
        with Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5, **(settings.redis.tls or {})) as client:
            memory = client.info("memory")
    except (RedisError, OSError, ValueError) as error:
        return Finding("redis", Outcome.AWAY, str(error), f"see REDIS_URL, ORDERBOOK_REDIS__SSL_CAFILE: {START_UP}")
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and memory.get("maxmemory"):
        return Finding("redis", Outcome.WARN, f"evicts keys ({policy})", "set maxmemory-policy noeviction")
    return Finding("redis", Outcome.OK, "answers, evicts nothing")


def _postgres(settings: Settings) -> Iterator[Finding]:
    with Reader(settings.database) as reader:
        try:
            version = server_version(reader.engine)
        except OrderbookError as error:
            yield _failed("postgres", error, f"see DATABASE_URL, ORDERBOOK_DATABASE__READER_URL: {START_UP}")
            return
        if version // 10_000 < OLDEST_POSTGRES:
            fix = f"Postgres {OLDEST_POSTGRES} or later: leases rest on transaction_timeout"
            yield Finding("postgres", Outcome.FAIL, f"version {version // 10_000}", fix)
        else:
            yield Finding("postgres", Outcome.OK, f"version {version // 10_000}.{version % 10_000}")
        parts: tuple[tuple[str, Callable[[Reader, Settings], Finding]], ...] = (
            ("clock", _clock),
            ("schema", _schema),
            ("days", _days),
            ("storage", _storage),
            ("drainer", _drainer),
            ("alarms", _alarms),
        )
        for name, part in parts:
            try:
                yield part(reader, settings)
            except OrderbookError as error:
                yield _failed(name, error, "orderbook db check; the reader's role: orderbook db upgrade")


def _clock(reader: Reader, _settings: Settings) -> Finding:
    away = abs((Ledger(reader.engine).clock() - utc_now()).total_seconds())
    if away > CLOCK_SECONDS:
        return Finding("clock", Outcome.WARN, f"{away:.1f} s from Postgres'", "set this host's clock by NTP")
    return Finding("clock", Outcome.OK, f"{away:.2f} s from Postgres'")


def _schema(reader: Reader, _settings: Settings) -> Finding:
    there, wanted = schema_revisions(reader.engine)
    if there != wanted:
        text = f"revision {there or 'none'}, this code wants {wanted}"
        return Finding("schema", Outcome.FAIL, text, "orderbook db upgrade")
    return Finding("schema", Outcome.OK, f"revision {there}")


def _days(reader: Reader, settings: Settings) -> Finding:
    today = utc_now().date()
    there = {day for day, _, _ in list_days(reader.engine)}
    wanted = [today + timedelta(days=n) for n in range(settings.database.days_ahead + 1)]
    missing = [day.isoformat() for day in wanted if day not in there]
    if not missing:
        return Finding("days", Outcome.OK, f"partitions up to {max(there)}")
    # landing makes the days it needs, so a missing one costs a lock at midnight, not data
    return Finding("days", Outcome.WARN, f"no partition yet for {', '.join(missing)}", "run a beat and a worker")


def _storage(reader: Reader, settings: Settings) -> Finding:
    days = list_days(reader.engine)
    size = sum(size for _, _, size in days) / 2**30
    kept = [day for day, rows, _ in days if rows > 0]
    text = f"{size:.1f} GiB of ticks" + (f" since {min(kept)}" if kept else "")
    if kept and (utc_now().date() - min(kept)).days > settings.database.hot_days:
        fix = "freeze the days before, or raise ORDERBOOK_DATABASE__HOT_DAYS"
        return Finding("storage", Outcome.WARN, f"{text}: more than {settings.database.hot_days} days", fix)
    return Finding("storage", Outcome.OK, text)


def _drainer(reader: Reader, _settings: Settings) -> Finding:
    with reader.snapshot() as connection:
        cursors = newest_cursors(connection)
    halted = {cursor.partition: cursor.halted_reason for cursor in cursors if cursor.halted_reason}
    if halted:
        told = ", ".join(f"{number} ({reason})" for number, reason in halted.items())
        return Finding("drainer", Outcome.FAIL, f"halted partitions: {told}", "orderbook ranges resume --help")
    ages = [cursor.drained_seconds_ago for cursor in cursors]
    known = [age for age in ages if age is not None]
    if not known or len(known) < len(ages) or max(known) > DRAINED_SECONDS:
        told = f"last pass {max(known):.0f} s ago" if known else "has not run"
        return Finding("drainer", Outcome.WARN, told, "run `celery -A orderbook beat` and `celery -A orderbook worker`")
    return Finding("drainer", Outcome.OK, f"last pass {max(known):.1f} s ago")


def _alarms(reader: Reader, _settings: Settings) -> Finding:
    with reader.snapshot() as connection:
        count, newest = open_alarms(connection, 1)
    if count:
        return Finding("alarms", Outcome.WARN, f"{count} open, newest: {newest[0].kind}", "orderbook status")
    return Finding("alarms", Outcome.OK, "none open")


def _exporter(settings: Settings) -> Finding:
    from http.client import HTTPConnection, HTTPException

    place = f"{settings.metrics.address}:{settings.metrics.port}"
    connection = HTTPConnection(settings.metrics.address, settings.metrics.port, timeout=EXPORTER_SECONDS)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except (OSError, HTTPException) as error:
        told = f"does not answer on {place} ({error}): nothing watches the pipeline"
        return Finding("exporter", Outcome.WARN, told, "run `orderbook exporter`")
    finally:
        connection.close()
    if SOURCE_UP.name not in text:
        return Finding("exporter", Outcome.WARN, f"another program answers on {place}", "set ORDERBOOK_METRICS__PORT")
    away = re.findall(rf'^{SOURCE_UP.name}{{source="(\w+)"}} 0', text, re.MULTILINE)
    if away:
        told = f"answers on {place}, without {', '.join(away)}"
        return Finding("exporter", Outcome.WARN, told, "its log says why; it needs the reader's role, Kafka and Redis")
    return Finding("exporter", Outcome.OK, f"answers on {place}")


def _disk() -> Finding:
    folder = default_data_dir()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    text = f"{usage.free / 2**30:.1f} GiB free at {folder}"
    if usage.free < LEAST_BYTES:
        return Finding("disk", Outcome.FAIL, text, "make room: Kafka and Postgres stop when it is full")
    if usage.free < LEAST_SHARE * usage.total:
        return Finding("disk", Outcome.WARN, text, "make room")
    return Finding("disk", Outcome.OK, text)


def _failed(check: str, error: OrderbookError, fix: str) -> Finding:
    outcome = Outcome.AWAY if isinstance(error, Unavailable) else Outcome.FAIL
    return Finding(check, outcome, one_line(error), fix)
