"""The Python client: stored ticks as Arrow, pandas or polars, and live ones as they land.

    from orderbook.client import Client
    Client("http://127.0.0.1:8080").ticks("TTF-GAS", start, end).to_pandas()

``AsyncClient`` has the same methods to await. Both try again what passes by itself, and need nothing else of this
package. Errors are ``ApiError``.
"""

from orderbook.remote.answers import ApiError, Fitness, Quote, Rows
from orderbook.remote.attempts import RetryPolicy
from orderbook.remote.awaiting import AsyncClient
from orderbook.remote.blocking import Client
from orderbook.remote.events import Event

__all__ = ["ApiError", "AsyncClient", "Client", "Event", "Fitness", "Quote", "RetryPolicy", "Rows"]
