"""The ledger: what was acknowledged, whole lines only."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from orderbook.simulator.faults import Fault
from orderbook.simulator.ledger import Ledger, Sent

TICK = Sent("TFM FMH0024!", 7, b'{"a":1}', None)
BROKEN = Sent("TTF-GAS", 8, b"\xff\x00", Fault("malformed", "not_utf8", "json", b"\xff\x00"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_line_says_what_was_sent_and_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sent.ndjson"
    ledger = Ledger(path)
    ledger.acknowledged(TICK, 3, 41)
    ledger.acknowledged(BROKEN, 0, 5)
    ledger.write_out()
    tick, fault = lines(path)
    assert b64decode(tick.pop("value")) == TICK.value
    assert tick == {"symbol": "TFM FMH0024!", "sequence_id": 7, "partition": 3, "offset": 41, "fault": None,
                    "form": None, "reason": None}  # fmt: skip
    assert b64decode(fault.pop("value")) == BROKEN.value
    assert fault == {"symbol": "TTF-GAS", "sequence_id": 8, "partition": 0, "offset": 5, "fault": "malformed",
                     "form": "not_utf8", "reason": "json"}  # fmt: skip
    ledger.close()


def test_a_later_run_adds_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sent"
    for offset in range(3):
        ledger = Ledger(path)
        ledger.acknowledged(TICK, 0, offset)
        ledger.close()
    assert [line["offset"] for line in lines(path)] == [0, 1, 2]


@pytest.mark.parametrize("torn", [b'{"symbol":"TTF', b'{"offset":9}', b"x" * 1_400_000])
def test_a_line_that_a_killed_run_left_unfinished_goes(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "sent"
    path.write_bytes(b'{"offset":0}\n' + torn)
    ledger = Ledger(path)
    ledger.acknowledged(TICK, 0, 1)
    ledger.close()
    assert [line["offset"] for line in lines(path)] == [0, 1]
