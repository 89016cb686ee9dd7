"""The HTTP application: ``uvicorn --factory orderbook.api.app:create_app``, or ``orderbook api``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from orderbook.api import problems
from orderbook.api.measured import Measured
from orderbook.api.openapi import describe
from orderbook.api.page import WEB, Page
from orderbook.api.routes import (
    completeness,
    docs,
    expectations,
    files,
    ledger,
    market,
    operations,
    queries,
    quotes,
    replay,
    ticks,
)
from orderbook.api.security import Gate
from orderbook.api.service import Service
from orderbook.config import Settings
from orderbook.config import settings as of_this_process
from orderbook.logs import configure

DESCRIPTION = """Order-book ticks, each of the log exactly once, and how complete they are.

Instants are ISO-8601 times, dates (UTC), or whole nanoseconds since 1970; `start` is included, `end` is not. Prices and
volumes are exact, as strings; `price_type=float` makes them numbers. Errors are RFC 9457 problems with a `hint`.
Answers of data carry `Data-Complete-Through`, `Data-Coverage`, `Data-Gaps` and `Data-Sources`."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; ``settings`` default to those of this process. Connections are made when it starts."""
    config = settings or of_this_process()
    configure(config.log_level, config.log_format)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(config)
        service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="orderbook",
        version=version("orderbook"),
        description=DESCRIPTION,
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    problems.install(app)
    for part in (operations, quotes, replay, ticks, queries, completeness, market, ledger, files, expectations, docs):
        app.include_router(part.router)
    describe(app)
    if WEB.is_dir():
        app.mount("/", Page(), name="page")  # last: it answers whatever nobody else does
    app.add_middleware(Gate, settings=config.api)
    app.add_middleware(Measured)  # around the gate: what that refuses is measured, too
    return app
