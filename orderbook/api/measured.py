"""What this process counts of its own requests: the middleware that times them, and ``/metrics``."""

from collections.abc import Iterator
from time import perf_counter
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderbook import metrics
from orderbook.api.hub import Hub
from orderbook.exporter.serve import families

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # anybody may send any word
FAILED: Final = 500


class Measured:
    """Notes of each request its route, method and status, and the seconds until its answer began.

    Not until its end: a live client stays for hours, and a download lasts as long as its reader takes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Who leaves before an answer begins is not counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, is_begun = perf_counter(), False

        async def noting(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                _note(scope, message["status"], perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            if not is_begun:
                _note(scope, FAILED, perf_counter() - began)
            raise


def _note(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    metrics.HTTP_REQUEST_DURATION.observe(seconds, _route(scope), method, str(status))


def _route(scope: Scope) -> str:
    """The route as it is declared, never the address as it was typed: that would be a series for each."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "page" if "endpoint" in scope else "refused"


class LiveClients(Collector):
    """How many live clients there are, and what the slow among them were not sent."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The series of now."""
        counted = ((metrics.LIVE_CLIENTS, self._hub.clients), (metrics.LIVE_SKIPPED, self._hub.skipped))
        return families((metric, (), float(value)) for metric, value in counted)


def exposition(hub: Hub) -> bytes:
    """All series of this process, its memory and CPU among them, as Prometheus reads them."""
    own = CollectorRegistry(auto_describe=False)
    own.register(LiveClients(hub))
    return generate_latest(REGISTRY) + generate_latest(own)
