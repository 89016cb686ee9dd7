"""The record of what was sent and acknowledged: NDJSON, one line for each record of the log that is ours.

A line has ``symbol``, ``sequence_id`` (also where the value does not show it), ``partition``, ``offset``, ``value``
(base64), and for a fault its ``fault`` (kind), ``form`` and the ``reason`` that validation must give; else three nulls.
Where ids or pace are at fault the record is valid, so its reason is null; ``first`` and ``last`` are then the ids that
the sequence event must name, and the record is the one by which it shows (of a reorder: the one that came late).
"""

import json
import os
from base64 import b64encode
from collections import deque
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orderbook.simulator.faults import Fault


class Sent(NamedTuple):
    """A value on its way to the broker."""

    symbol: str
    sequence_id: int
    value: bytes
    fault: Fault | None


class Ledger:
    """Appends to ``path``, once a last line that an earlier process could not finish is removed.

    ``acknowledged`` may be called from any thread and does no I/O. ``write_out``, called by one thread at a time, hands
    the lines to the system; a process that is killed loses those since the last one.
    """

    def __init__(self, path: Path) -> None:
        self._waiting: deque[tuple[Sent, int, int]] = deque()
        self._file = _opened(path)

    def acknowledged(self, sent: Sent, partition: int, offset: int) -> None:
        """Remember that the broker has ``sent`` at this offset."""
        self._waiting.append((sent, partition, offset))

    def write_out(self) -> None:
        """Write what was remembered."""
        lines = [_line(*self._waiting.popleft()) for _ in range(len(self._waiting))]
        if lines:
            self._file.write(b"".join(lines))
            self._file.flush()

    def close(self) -> None:
        """Write what was remembered, and close the file."""
        self.write_out()
        self._file.close()


def _opened(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+b")
    end = file.seek(0, os.SEEK_END)
    tail_start = max(0, end - 2**21)  # a record has 1 MiB at most
    file.seek(tail_start)
    tail = file.read()
    file.truncate(tail_start + tail.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
    return file


def _line(sent: Sent, partition: int, offset: int) -> bytes:
    fault = sent.fault
    marks = 'null,"form":null,"reason":null'
    if fault:
        ids = f',"first":{fault.ids[0]},"last":{fault.ids[1]}' if fault.ids else ""
        marks = f'"{fault.kind}","form":"{fault.form}","reason":{json.dumps(fault.reason)}{ids}'
    return (
        f'{{"symbol":{json.dumps(sent.symbol)},"sequence_id":{sent.sequence_id},"partition":{partition},'
        f'"offset":{offset},"fault":{marks},"value":"{b64encode(sent.value).decode()}"}}\n'
    ).encode()
