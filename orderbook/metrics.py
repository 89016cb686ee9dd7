"""Every metric, declared once: name, kind, labels and unit. Who measures one takes its declaration from here.

Names begin with ``orderbook_``, units are base units, counters end in ``_total``, and no label grows without bound.
A declaration makes nothing. What the ledger, Kafka and Redis know is asked by ``exporter/``, so it is exact whoever
died. What only a process can know, it counts itself from its first ``count`` or ``observe`` on; the children of a
worker's pool count in files (``exporter/beside.py``).
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from prometheus_client import Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

PREFIX: Final = "orderbook_"
MOST_SYMBOLS: Final = 200  # a market of more has no series by symbol: each label value is a series kept for weeks

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True, eq=False)  # each is declared once: known by itself, which is quick to look up
class Metric:
    """A declaration. ``suffix`` is the name without the prefix; ``help`` says what is counted or in which unit."""

    suffix: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()  # of a histogram: upper bounds

    @property
    def name(self) -> str:
        """As it is scraped."""
        return PREFIX + self.suffix

    def family(self) -> CounterMetricFamily | GaugeMetricFamily:
        """An empty family, for a collector that knows the whole value. Not for histograms."""
        made = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return made(self.name, self.help, labels=self.labels)

    def count(self, amount: float = 1) -> None:
        """Add to a counter of this process."""
        _counter(self).inc(amount)

    def observe(self, value: float, *labels: str) -> None:
        """Note one value of a histogram of this process, with the label values in the order of their declaration."""
        histogram = _histogram(self)
        (histogram.labels(*labels) if labels else histogram).observe(value)


@cache
def _counter(metric: Metric) -> Counter:
    return Counter(metric.name, metric.help, metric.labels)


@cache
def _histogram(metric: Metric) -> Histogram:
    return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets)


DECLARED: Final[dict[str, Metric]] = {}


def _declare(suffix: str, kind: Kind, text: str, *labels: str, buckets: tuple[float, ...] = ()) -> Metric:
    metric = DECLARED[PREFIX + suffix] = Metric(suffix, kind, text, labels, buckets)
    return metric


DURATIONS: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)  # up to the longest fetch
ANSWERS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)  # 20 ms: the newest quotes
LATENCIES: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400)  # up to a day of catching up


BUILD_INFO = _declare("build_info", "gauge", "1, with the version of this package", "version")
SOURCE_UP = _declare("source_up", "gauge", "1 while the exporter has answers of a source, else 0", "source")

TICKS_LANDED = _declare("ticks_landed_total", "counter", "Ticks stored, as the ledger counts them; withdrawn ones too")
TICKS_QUARANTINED = _declare("ticks_quarantined_total", "counter", "Rows in quarantine, resolved ones too", "reason")
OFFSETS_LOST = _declare("offsets_lost_total", "counter", "Offsets in lost ranges: the log had them no more")
RANGES_OPEN = _declare("ranges_open", "gauge", "Ranges that are planned and not landed", "partition")
RANGE_WINDOW = _declare("range_window", "gauge", "Most open ranges that a partition may have: the backpressure")
RANGE_OLDEST_AGE = _declare(
    "range_oldest_age_seconds", "gauge", "Age of the oldest open range, since it was first seen"
)
RANGE_DEATHS = _declare("range_deaths", "gauge", "Most attempts at one open range that ended without a word")
PARTITION_HALTED = _declare("partition_halted", "gauge", "1 where a partition waits for a person", "partition")
DRAIN_LAST_SUCCESS = _declare(
    "drain_last_success_timestamp_seconds", "gauge", "Last pass of the drainer over all partitions that are not halted"
)
ALARMS_OPEN = _declare("alarms_open", "gauge", "Alarms of the ledger that nobody has acknowledged", "kind")
LAST_EVENT = _declare("last_event_timestamp_seconds", "gauge", "Event time of the newest stored tick", "symbol")
CLOCK_SKEW = _declare("clock_skew_seconds", "gauge", "Receive time less event time, the smallest of late", "feed")
HOT_ROWS = _declare("hot_rows", "gauge", "Rows in ticks, as Postgres estimates them")
HOT_BYTES = _declare("hot_bytes", "gauge", "Bytes of ticks with their indexes")
PARTITION_RUNWAY = _declare("partition_runway_seconds", "gauge", "Until the first day that has no partition")
ARCHIVE_ROWS = _declare("archive_rows_total", "counter", "Rows that were frozen to files of the cold store")
ARCHIVE_LAST_SUCCESS = _declare(
    "archive_last_success_timestamp_seconds", "gauge", "Last run of the archive that froze all that was due"
)
ARCHIVE_BEHIND = _declare(
    "archive_behind_seconds", "gauge", "Since the oldest day that is still hot was to be frozen; 0 where none was"
)
HOT_COLD_DIFFERENCE = _declare(
    "hot_cold_difference_rows", "gauge", "Rows of files that, when last read back, were not as the manifest says"
)

EXPECTATIONS_FAILED = _declare(
    "expectations_failed", "gauge", "Expectations that fail in the newest runs over a day and over an hour", "severity"
)
EXPECTATIONS_LAST_RUN = _declare(
    "expectations_last_run_timestamp_seconds", "gauge", "When a run of the expectations last came to its end"
)

LAG_MESSAGES = _declare("consumer_lag_messages", "gauge", "Records of the log above the prefix", "partition")
LAG_SECONDS = _declare("consumer_lag_seconds", "gauge", "Age of the oldest record above the prefix", "partition")
STABLE_LAG = _declare("last_stable_lag_messages", "gauge", "Records that a transaction still hides", "partition")
GROUP_DIFFERENCE = _declare(
    "group_offset_difference_messages", "gauge", "The group's offset less the prefix; above 0 is wrong", "partition"
)
RETENTION_HEADROOM = _declare(
    "retention_headroom_ratio", "gauge", "Share of the topic's retention that landing has left", "partition"
)

QUEUE_LENGTH = _declare("queue_length", "gauge", "Messages that wait in a queue of Celery", "queue")
REDIS_MEMORY = _declare("redis_memory_bytes", "gauge", "Memory that Redis uses for data")
REDIS_MEMORY_LIMIT = _declare("redis_memory_limit_bytes", "gauge", "Redis' maxmemory; no series where it has none")

DISK_FREE = _declare("disk_free_ratio", "gauge", "Free share of the disk with the embedded servers' data")

SEQUENCE_EVENTS = _declare(
    "sequence_events_total", "counter", "Gaps, repeats, reorders, resets and stalls that were recorded", "kind"
)
COVERAGE = _declare("coverage_ratio", "gauge", "Share that came of this hour and the one before", "symbol")
SYMBOL_STALE = _declare(
    "symbol_stale", "gauge", "1 where an open market was silent for longer than its profile's patience", "symbol"
)
SYMBOLS_STALE = _declare("symbols_stale", "gauge", "How many symbols stand still, in a market of any size")

TICKS_PRODUCED = _declare("simulator_ticks_produced_total", "counter", "Ticks that Kafka acknowledged to a simulator")
INGEST_DURATION = _declare(
    "ingest_duration_seconds", "histogram", "A phase of a range that landed", "phase", buckets=DURATIONS
)
END_TO_END = _declare(
    "end_to_end_latency_seconds",
    "histogram",
    "From the append of a range's oldest record, by the broker's clock, to its COMMIT",
    buckets=LATENCIES,
)
DRAIN_DURATION = _declare("drain_duration_seconds", "histogram", "A whole pass of the drainer", buckets=DURATIONS)
RANGE_DEATHS_SEEN = _declare(
    "range_deaths_total", "counter", "Attempts at a range that followed one which ended without a word"
)

HTTP_REQUEST_DURATION = _declare(
    "http_request_duration_seconds",
    "histogram",
    "From a request to the API to the beginning of its answer",
    "route",
    "method",
    "status",
    buckets=ANSWERS,
)
LIVE_CLIENTS = _declare("live_clients", "gauge", "Clients of the live stream of an API process")
LIVE_SKIPPED = _declare("live_skipped_total", "counter", "Quotes that slow live clients got only the newer ones of")
