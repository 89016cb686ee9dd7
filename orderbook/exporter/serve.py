"""``/metrics`` of the exporter: what the pollers last heard, made into series at each scrape."""

import shutil
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import structlog
from prometheus_client import start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from orderbook import metrics
from orderbook.config import Settings
from orderbook.errors import ConfigError
from orderbook.exporter.ledger import LedgerSource
from orderbook.exporter.log import LogSource
from orderbook.exporter.queues import QueueSource
from orderbook.exporter.source import Poller, Sample
from orderbook.metrics import Metric

log = structlog.get_logger(__name__)


class Exported(Collector):
    """The series of all pollers. A source that is away has none, but its ``source_up`` is 0."""

    def __init__(self, pollers: Sequence[Poller], data_dir: Path | None = None) -> None:
        self._pollers = pollers
        self._data_dir = data_dir

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """All series of now."""
        return families([*self._own(), *self._heard()])

    def _heard(self) -> Iterator[Sample]:
        for poller in self._pollers:
            heard = poller.latest()
            yield metrics.SOURCE_UP, (poller.source.name,), float(heard is not None)
            yield from heard or ()

    def _own(self) -> Iterator[Sample]:
        yield metrics.BUILD_INFO, (version("orderbook"),), 1
        if self._data_dir is not None and self._data_dir.exists():
            usage = shutil.disk_usage(self._data_dir)
            yield metrics.DISK_FREE, (), usage.free / usage.total


def families(samples: Iterable[Sample]) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    """Samples grouped by their metric."""
    found: dict[Metric, CounterMetricFamily | GaugeMetricFamily] = {}
    for metric, labels, value in samples:
        if metric not in found:
            found[metric] = metric.family()
        found[metric].add_metric(labels, value)
    return iter(found.values())


def pollers_of(settings: Settings) -> list[Poller]:
    """One for each source, not started."""
    interval, stale = settings.metrics.interval_seconds, settings.metrics.stale_seconds
    sources = (LedgerSource(settings), LogSource(settings), QueueSource(settings))
    return [Poller(source, interval, stale) for source in sources]


def serve(settings: Settings, port: int, data_dir: Path | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises ``ConfigError`` where nobody can listen at the address."""
    registry = CollectorRegistry(auto_describe=False)
    pollers = pollers_of(settings)
    registry.register(Exported(pollers, data_dir))
    address = settings.metrics.address
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise ConfigError(f"ORDERBOOK_METRICS__PORT: cannot listen at {address}:{port}: {error}") from error
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    for poller in pollers:
        poller.start()
    log.info("metrics served", url=f"http://{address}:{server.server_port}/metrics")
    ending.wait()
    for poller in pollers:
        poller.end()
    server.shutdown()
    server.server_close()
    thread.join()
