"""The real captures, where the machine has them."""

import os
from pathlib import Path

import pytest

CAPTURES = os.environ.get("ORDERBOOK_CAPTURES")
needs_captures = pytest.mark.skipif(not CAPTURES, reason="ORDERBOOK_CAPTURES names no folder with real captures")
FUTURES = "usdm/btcusdt_20240808.gz"
SPOT = "spot/ethusdt_20240808.gz"


def capture(name: str) -> Path:
    """The one file whose path ends in ``name``."""
    (path,) = Path(CAPTURES or "").rglob(name)
    return path
