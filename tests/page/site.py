"""A whole deployment with its page: feed, worker, beat, API."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from kafka import KafkaProducer

from orderbook.embedded.ports import choose_port
from orderbook.tick import OrderBookTick, encode
from tests.conftest import wait_for
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers

SYMBOLS = "TTF-GAS,NBP-GAS,THE-GAS,PEG-GAS,ZTP-GAS,PSV-GAS"
FEED = f"--symbols {SYMBOLS} --interval 0.05 --seed 7"


@dataclass
class Site:
    """The page's address, and the deployment behind it."""

    url: str
    deployment: Deployment

    def at(self, place: str) -> str:
        """The address of a view."""
        return f"{self.url}/#/{place}"

    def offered(self, views: Mapping[str, str]) -> dict[str, str]:
        """The views whose data this API serves."""
        with urllib.request.urlopen(f"{self.url}/openapi.json", timeout=10) as response:
            paths = json.load(response)["paths"]
        missing = {name for name in views if f"/v1/{name}/latest" not in paths and name == "expectations"}
        return {name: text for name, text in views.items() if name not in missing}

    def send(self, *ticks: OrderBookTick) -> None:
        """Append ticks to the log as a feed would; returns once Kafka has them."""
        self.append(*((tick.symbol.encode(), encode(tick)) for tick in ticks))

    def append(self, *records: tuple[bytes, bytes]) -> None:
        """Append records, each a key and a value; returns once Kafka has them."""
        producer = KafkaProducer(bootstrap_servers=self.deployment.servers.kafka_bootstrap)
        try:
            for key, value in records:
                producer.send(self.deployment.topic, value=value, key=key)
            producer.flush(10)
        finally:
            producer.close()

    def newest(self, symbol: str) -> tuple[object, ...]:
        """Sequence id, bid, ask and both sizes of a symbol's newest row; empty where there is none."""
        rows = self.deployment.rows(
            "SELECT sequence_id, bid_price, ask_price, bid_volume, ask_volume FROM ticks "
            f"WHERE symbol = '{symbol}' ORDER BY event_time DESC LIMIT 1"
        )
        return rows[0] if rows else ()


def answers(url: str) -> bool:
    """Whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="package")
def site(servers: RunningServers, migrated_template: str) -> Iterator[Site]:
    """Six symbols at twenty ticks a second each, stored and served."""
    with deployment_over(servers, migrated_template) as deployment:
        deployment.worker()
        deployment.beat()
        port = choose_port()
        deployment.start("api", f"uvicorn --factory orderbook.api.app:create_app --port {port}")
        deployment.simulator(FEED)
        found = Site(f"http://127.0.0.1:{port}", deployment)
        wait_for(lambda: answers(f"{found.url}/readyz"), 60, what="the API is ready")
        wait_for(lambda: deployment.rows("SELECT count(DISTINCT symbol) FROM ticks") == [(6,)], 60)
        yield found
