"""Workers as they would be without completeness and metrics: on the path of the bench's bare runs only."""

from typing import Any

from orderbook.completeness.summary import Summariser
from orderbook.metrics import Metric
from orderbook.store.ledger.landing import Summary


def _no_summary(_self: Summariser, _ticks: Any) -> Summary:
    return Summary("[]", "{}")


def _nothing(*_: Any) -> None:
    return None


Summariser.__call__ = _no_summary  # type: ignore[method-assign]
Metric.count = _nothing  # type: ignore[method-assign,assignment]
Metric.observe = _nothing  # type: ignore[method-assign,assignment]
