"""The ways from the log into Postgres that are compared, each a function from the stage and a log to an outcome."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pyarrow as pa
from pydantic import SecretStr

from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.validator import Validator
from orderbook.profiles import load_profiles
from orderbook.sections import DatabaseSettings
from orderbook.store.database import engine_for
from orderbook.store.ledger.ledger import Ledger
from orderbook.store.rows.encoding import copy_input
from orderbook.stream.records import Record
from orderbook.stream.topics import TopicClient
from tests.bench.cpu import Meter
from tests.bench.rivals_run import Outcome, race, rivals_python
from tests.bench.stage import Log, Stage, values
from tests.processes import Deployment, deployment_over

LANDED = "SELECT coalesce(sum(n_ok + n_bad), 0) FROM offset_range WHERE state = 'done'"
SPAN = "SELECT extract(epoch FROM max(done_at) - min(hinted_at)) FROM offset_range WHERE state = 'done'"
PLACES = ("generation_id", "kafka_partition")
ROWS = 20_000


class Absent(Exception):
    """This way cannot be measured here."""


def pipeline(stage: Stage, log: Log, processes: int = 2, **settings: str) -> Outcome:
    """This pipeline: beat, drainer, Celery on Valkey, ledger, validation. Its processes are up before the start."""
    with waiting(stage, log, processes, **settings) as run:
        ours = {"workers": Meter(run.running["worker"].pid), "beat": Meter(run.running["beat"].pid)}
        meters = {**stage.meters, **ours}
        before = {name: meter.spent() for name, meter in meters.items()}
        run.let_go()
        wait_until(lambda: run.rows(LANDED)[0][0] >= log.ticks, 900)
        cpu = {name: meter.spent() - before[name] for name, meter in meters.items()}
        ((seconds,),) = run.rows(SPAN)
    return Outcome(log.ticks, float(seconds), cpu)


class Waiting:
    """A deployment whose partitions are halted until the bench lets them go."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.running = deployment.running
        self.start = deployment.start
        self.rows = deployment.rows
        self.logs = deployment.logs

    def let_go(self) -> None:
        """The start signal."""
        self.rows("UPDATE partition_cursor SET halted_reason = NULL RETURNING 1")


@contextmanager
def waiting(stage: Stage, log: Log, processes: int, **settings: str) -> Iterator[Waiting]:
    """Worker and beat over a log, started and idle."""
    with deployment_over(stage.servers, stage.template, topic=log.topic, **settings) as run:
        engine = engine_for(DatabaseSettings(url=SecretStr(run.database_url)), "ingest", name="bench")
        with TopicClient(run.settings.kafka) as client:
            found = client.identity()
        origins = dict.fromkeys(found.partitions, 0)
        Ledger(engine).begin_first_generation(found.cluster_id, log.topic, found.topic_id, origins)
        engine.dispose()
        run.rows("UPDATE partition_cursor SET halted_reason = 'bench' RETURNING 1")
        stage.servers.administer("CHECKPOINT")
        run.worker(processes=processes)
        run.beat()
        wait_until(lambda: " ready." in run.logs() and "is starting." in run.logs(), 60)
        time.sleep(2)  # their first turns: days, drains of halted partitions
        yield Waiting(run)


def confluent_copy(stage: Stage, log: Log) -> Outcome:
    """The best hand-written consumer."""
    return _consumers(stage, log, "confluent_copy", Path(sys.executable), processes=2)


def confluent_copy_untuned(stage: Stage, log: Log) -> Outcome:
    """The same with the client's own defaults, as it is usually left."""
    return _consumers(stage, log, "confluent_copy", Path(sys.executable), processes=2, tuned=False)


def confluent_values(stage: Stage, log: Log) -> Outcome:
    """The usual hand-written consumer."""
    return _consumers(stage, log, "confluent_values", Path(sys.executable), processes=2)


def row_by_row(stage: Stage, log: Log) -> Outcome:
    """One commit a row; a log of its own, or it would take an hour."""
    return _consumers(stage, stage.log(20_000, log.partitions), "row_by_row", _rivals(), processes=1)


def quix(stage: Stage, log: Log) -> Outcome:
    """Quix Streams; each process has a topic of its own, so that no rebalance costs it time."""
    own = [stage.log(log.ticks // 2, log.partitions // 2, number=number) for number in (1, 2)]
    with tempfile.TemporaryDirectory(prefix="orderbook-bench-") as folder, stage.database(migrated=False) as url:
        _make_table(url, "feed_quix")
        at = urlsplit(url)
        common = {"bootstrap": stage.servers.kafka_bootstrap, "host": at.hostname, "port": at.port}
        common |= {
            "dbname": at.path[1:],
            "user": at.username,
            "password": at.password,
            "idle_seconds": 4,
            "folder": folder,
        }
        options = [{**common, "topic": each.topic, "group": uuid4().hex} for each in own]
        outcome = race(stage, _rivals(), "quix_sink", options)
        assert stage.rows_in(url, "feed_quix") == outcome.rows == 2 * (log.ticks // 2)
    return outcome


def copy_alone(stage: Stage, log: Log) -> Outcome:
    """The limit: the same rows, encoded beforehand, into the same table by as many connections."""
    with tempfile.TemporaryDirectory(prefix="orderbook-bench-") as name, stage.database(migrated=True) as url:
        files, columns = encoded(log, Path(name))
        options = [{"database": url, "columns": columns, "files": files[number::2]} for number in (0, 1)]
        outcome = race(stage, Path(sys.executable), "copy_alone", options)
        assert stage.rows_in(url, "ticks") == outcome.rows == log.ticks
    return outcome


def encoded(log: Log, folder: Path) -> tuple[list[str], str]:
    """The log's rows as COPY input, 20,000 to a file, the partitions' ranges in turn; and their columns."""
    profiles = load_profiles(None)
    lane = FastLane(Validator(profiles), profiles)
    held: dict[int, list[Record]] = {number: [] for number in range(log.partitions)}
    offsets = dict.fromkeys(held, 0)
    files: list[str] = []
    columns = ""
    left = log.ticks
    for number, value in enumerate(values(log.ticks, log.partitions)):
        partition = number % log.partitions
        held[partition].append(Record(offsets[partition], int(time.time() * 1000), None, value, None))
        offsets[partition] += 1
        left -= 1
        for each in [partition] if left else list(held):
            if len(held[each]) == ROWS or (not left and held[each]):
                rows = _placed(lane.judge(held[each]).ticks, each)
                path = folder / f"{len(files):05}.{rows.num_rows}.copy"
                path.write_bytes(copy_input(rows)[1].read())
                files.append(str(path))
                columns = ", ".join(rows.column_names)
                held[each] = []
    return files, columns


def _placed(rows: pa.Table, partition: int) -> pa.Table:
    for name, value in zip(PLACES, (pa.scalar(1, pa.int16()), pa.scalar(partition, pa.int32())), strict=True):
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    return rows


def _consumers(stage: Stage, log: Log, program: str, python: Path, *, processes: int, tuned: bool = True) -> Outcome:
    ends = log.ends()
    with stage.database(migrated=False) as url:
        _make_table(url, "feed")
        group = uuid4().hex
        common: dict[str, Any] = {"bootstrap": stage.servers.kafka_bootstrap, "topic": log.topic, "group": group}
        common |= {"database": url, "tuned": tuned}
        shares = [{n: end for n, end in ends.items() if n % processes == k} for k in range(processes)]
        options = [{**common, "ends": share, "rows": sum(share.values())} for share in shares]
        outcome = race(stage, python, program, options)
        assert stage.rows_in(url, "feed") == outcome.rows == log.ticks
    return outcome


def _make_table(url: str, name: str) -> None:
    text = (Path(__file__).parent / "rivals" / f"{name}.sql").read_text()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(text)
        connection.commit()


def _rivals() -> Path:
    python = rivals_python()
    if python is None:
        raise Absent("its packages cannot be installed here")
    return python


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    """Wait for a condition, asking ten times a second: the waiting shall cost nothing."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.1)


WAYS: Mapping[str, Callable[..., Any]] = {
    "pipeline": pipeline,
    "copy alone": copy_alone,
    "confluent + COPY": confluent_copy,
    "confluent + COPY, untuned": confluent_copy_untuned,
    "confluent + execute_values": confluent_values,
    "Quix Streams": quix,
    "row by row": row_by_row,
}
