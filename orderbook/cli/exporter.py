"""``orderbook exporter``: the pipeline's metrics, for Prometheus."""

from typing import Annotated

import typer


def exporter(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Instead of ORDERBOOK_METRICS__PORT; 0: any that is free.")
    ] = None,
) -> None:
    """Serve /metrics of the pipeline: read from the ledger, Kafka and Redis in the background, in the reader's role.

    What is away has no series until it is back; `orderbook_source_up` says which. `orderbook up` runs one.
    """
    from orderbook.config import default_data_dir, settings
    from orderbook.exporter.serve import serve
    from orderbook.logs import configure

    config = settings()
    configure(config.log_level, config.log_format)
    serve(config, config.metrics.port if port is None else port, default_data_dir())
