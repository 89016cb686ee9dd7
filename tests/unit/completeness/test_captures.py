"""The depth streams of two real captures: whole under their own rule, thousands of false gaps under another."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orderbook.completeness.chain import ChainFollower
from orderbook.sequence import Rule, Section

CAPTURES = os.environ.get("ORDERBOOK_CAPTURES")
pytestmark = pytest.mark.skipif(not CAPTURES, reason="ORDERBOOK_CAPTURES names no folder with real captures")
FUTURES, SPOT = "usdm/btcusdt_20240808.gz", "spot/ethusdt_20240808.gz"


def stream(name: str, kind: str) -> list[tuple[int, dict[str, Any]]]:
    """Receive time in µs and message, of one stream of a capture."""
    (path,) = Path(CAPTURES or "").glob(f"hftbacktest/**/{name}")
    found = []
    with gzip.open(path) as lines:
        for line in lines:
            received, _, text = line.partition(b" ")
            message = json.loads(text)
            if kind in message.get("stream", "").split("@"):
                found.append((int(received) // 1000, message["data"]))
    return found


def followed(sections: Iterator[Section], rule: Rule) -> list[str]:
    """The kinds of events that were found."""
    follower = ChainFollower("X", None)
    for section in sections:
        follower.take(section, rule)
    return [event.kind for event in follower.found.values()]


def ids(messages: list[tuple[int, dict[str, Any]]]) -> Iterator[Section]:
    """Each message as a tick whose id is ``u``."""
    for offset, (at, message) in enumerate(messages):
        yield Section(offset, offset, message["u"], message["u"], at, at)


def spans(messages: list[tuple[int, dict[str, Any]]]) -> Iterator[Section]:
    """Each message as the ids that the venue says it covers: after ``pu`` (else from ``U``) up to ``u``."""
    for offset, (at, message) in enumerate(messages):
        first = message["pu"] + 1 if "pu" in message else message["U"]
        yield Section(offset, offset, first, message["u"], at, at)


@pytest.mark.parametrize(
    ("name", "lines", "false_gaps"), [(FUTURES, 6_551, 6_550), (SPOT, 3_434, 3_365)], ids=["futures", "spot"]
)
def test_depth_is_whole_under_its_own_rule_and_full_of_gaps_under_another(
    name: str, lines: int, false_gaps: int
) -> None:
    depth = stream(name, "depth")
    assert len(depth) == lines
    assert followed(spans(depth), "+1") == []  # the venue's rule: each goes on where the one before ended
    assert followed(ids(depth), "increasing") == []
    assert followed(ids(depth), "+1") == ["gap"] * false_gaps


@pytest.mark.parametrize(
    ("name", "ticks", "plus_one"), [(FUTURES, 66_089, 3_366), (SPOT, 24_077, 8_437)], ids=["futures", "spot"]
)
def test_quotes_only_rise(name: str, ticks: int, plus_one: int) -> None:
    quotes = stream(name, "bookTicker")
    assert len(quotes) == ticks
    assert followed(ids(quotes), "increasing") == []
    assert followed(ids(quotes), "+1") == ["gap"] * (ticks - 1 - plus_one)
