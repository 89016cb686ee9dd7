"""The pipeline in one process: a test decides when the drainer passes, which hints arrive, and how often."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from kafka import KafkaProducer
from sqlalchemy import Engine, text

from orderbook.clock import utc_now
from orderbook.completeness.stitcher import Stitched, Stitcher
from orderbook.completeness.summary import Summariser
from orderbook.config import Settings
from orderbook.drain.drainer import Drainer, Pass, Timing
from orderbook.drain.policy import CutPolicy
from orderbook.ingest.ingestor import AttemptPolicy, Ingestor
from orderbook.ingest.isolation import Isolation
from orderbook.ingest.validator import Judge, Validator
from orderbook.ingest.witness import Witness
from orderbook.profiles import Profiles, load_profiles
from orderbook.store.completeness.sequences import Sequences
from orderbook.store.database import engine_for
from orderbook.store.ledger.claims import Claims
from orderbook.store.ledger.landing import Landing
from orderbook.store.ledger.ledger import Ledger
from orderbook.stream.fetcher import make_fetcher
from orderbook.stream.topics import TopicClient
from orderbook.tick import OrderBookTick, encode


def tick(sequence: int, symbol: str = "TTF-GAS", **changes: Any) -> OrderBookTick:
    """A valid tick of now."""
    at = utc_now()
    values: dict[str, Any] = {
        "symbol": symbol,
        "event_time": at,
        "received_time": at + timedelta(microseconds=40),
        "bid_price": Decimal("27.530"),
        "ask_price": Decimal("27.545"),
        "bid_volume": Decimal(120),
        "ask_volume": Decimal("85.5"),
        "sequence_id": sequence,
    }
    return OrderBookTick(**{**values, **changes})


@dataclass
class Pipeline:
    """Drainer and ingestor over real servers, driven by hand. ``hints`` are the messages that nobody has taken yet."""

    settings: Settings
    engine: Engine
    client: TopicClient
    policy: CutPolicy = field(default_factory=lambda: CutPolicy(max_offsets=100, max_open=8))
    lease_seconds: float = 10
    hint_again_seconds: float = 0  # a test never waits to be hinted again
    judge: Judge | None = None
    hints: list[int] = field(default_factory=list)
    _producer: KafkaProducer | None = None
    _own: ExitStack = field(default_factory=ExitStack)

    @property
    def topic(self) -> str:
        return self.settings.kafka.topic

    def produce(self, values: Iterable[bytes | OrderBookTick | None], partition: int = 0) -> list[int]:
        """Append values to one partition; returns their offsets."""
        if self._producer is None:
            self.new_producer()
        raw = [encode(v) if isinstance(v, OrderBookTick) else v for v in values]
        sent = [self._producer.send(self.topic, value=v, key=b"k", partition=partition) for v in raw]
        self._producer.flush()
        return [future.get(timeout=10).offset for future in sent]

    def new_producer(self) -> None:
        """One that learns the topic's partitions anew."""
        self._producer = KafkaProducer(bootstrap_servers=self.settings.kafka.bootstrap_servers)
        self._own.callback(self._producer.close)

    def drainer(self) -> Drainer:
        """A drainer of its own, as another process would have."""
        drainer = Drainer(
            Ledger(self.new_engine("drain")),
            connect=lambda: TopicClient(self.settings.kafka),
            send=self.hints.append,
            queued=lambda: 0,
            topic=self.topic,
            policy=self.policy,
            timing=Timing(self.lease_seconds, self.hint_again_seconds),
        )
        self._own.callback(drainer.close)
        return drainer

    def ingestor(self, **changes: Any) -> Ingestor:
        """An ingestor of its own, as another worker would have."""
        options = self.settings.ingest
        parts: dict[str, Any] = {
            "fetcher": lambda: make_fetcher(self.settings.kafka, self.policy.max_offsets),
            "judge": self.judge or Validator(load_profiles(None)),
            "landing": Landing(expect_gaps=self.settings.kafka.expect_gaps),
            "witness": Witness(lambda: TopicClient(self.settings.kafka)),
            "isolate": Isolation(options.fetch_seconds, options.fetch_seconds).read,
            "summarise": Summariser(load_profiles(None)),
            "policy": AttemptPolicy(options.fetch_bytes, options.fetch_seconds, go_on_seconds=0),
        }
        claims = Claims(self.new_engine("ingest", options.landing_seconds), self.lease_seconds)
        ingestor = Ingestor(
            claims,
            name=self.topic,
            **{**parts, **changes},
        )
        self._own.callback(ingestor.close)
        return ingestor

    def new_engine(self, name: str, transaction_seconds: float = 10) -> Engine:
        engine = engine_for(self.settings.database, "ingest", name=name, transaction_seconds=transaction_seconds)
        self._own.callback(engine.dispose)
        return engine

    def close(self) -> None:
        """Close whatever was made."""
        self._own.close()

    def drain(self, drainer: Drainer | None = None) -> Pass:
        """One pass, however short ago the last one was."""
        self.execute("UPDATE partition_cursor SET drained_at = drained_at - interval '1 s'")
        done = (drainer or self.drainer()).run()
        assert done is not None
        return done

    def run(self, ingestor: Ingestor | None = None, drainer: Drainer | None = None) -> None:
        """Drain and land until the prefix is at the end of the log."""
        ingestor, drainer = ingestor or self.ingestor(), drainer or self.drainer()
        for _ in range(100):
            done = self.drain(drainer)
            hints, self.hints[:] = list(self.hints), []
            for hint in hints:
                ingestor.run(hint)
            if not hints and all(done.prefixes[p] == bounds.end for p, bounds in done.bounds.items()):
                return
        raise AssertionError("the prefix does not reach the end")

    def stitch(self, profiles: Profiles | None = None, *, confirm_after_seconds: float = 3600) -> Stitched:
        """Stitch all that is below the prefix."""
        engine = self.new_engine("stitch")
        return Stitcher(
            Sequences(engine), profiles or load_profiles(None), confirm_after_seconds=confirm_after_seconds
        ).run()

    def events(self) -> list[Any]:
        """Symbol, kind, state, first and last id, how many, and how many are missing; in log order."""
        return self.rows(
            "SELECT symbol, kind, state, first_sequence, last_sequence, ids, n_missing FROM sequence_event "
            "ORDER BY partition, kafka_offset, kind"
        )

    def rows(self, statement: str, **arguments: Any) -> list[Any]:
        """What a query returns."""
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(statement), arguments)]

    def one(self, statement: str, **arguments: Any) -> Any:
        """The single value of a query."""
        ((value,),) = self.rows(statement, **arguments)
        return value

    def execute(self, statement: str, **arguments: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), arguments)

    def open_ranges(self) -> list[int]:
        return [r for (r,) in self.rows("SELECT id FROM offset_range WHERE state = 'planned' ORDER BY id")]

    def expire_leases(self) -> None:
        """Time passes: every lease is over, everything is due."""
        self.execute(
            "UPDATE offset_range SET lease_until = now() - interval '1 s', not_before = now() WHERE state = 'planned'"
        )

    def with_policy(self, **changes: Any) -> "Pipeline":
        self.policy = replace(self.policy, **changes)
        return self


@contextmanager
def pipeline_over(settings: Settings) -> Iterator[Pipeline]:
    """A pipeline over a fresh topic of ``settings``."""
    engine = engine_for(settings.database, "ingest", name="test")
    with TopicClient(settings.kafka) as client:
        client.create()
        pipeline = Pipeline(settings, engine, client)
        try:
            yield pipeline
        finally:
            pipeline.close()
            engine.dispose()


def valid(count: int, first: int = 1, **changes: Any) -> list[OrderBookTick]:
    """``count`` valid ticks with consecutive sequence ids."""
    return [tick(first + n, **changes) for n in range(count)]


def stored(pipeline: Pipeline) -> Sequence[tuple[int, int]]:
    """Partition and offset of every stored tick."""
    return pipeline.rows("SELECT kafka_partition, kafka_offset FROM ticks ORDER BY 1, 2")
