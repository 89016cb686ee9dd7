"""Server-sent events, out of lines."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from orderbook.remote.answers import Quote


class Broken(Exception):
    """The server broke a stream off and said why: ``answer`` is what it would have answered the request."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told["detail"])
        self.answer = httpx2.Response(told["status"], json=told)


@dataclass(frozen=True, slots=True)
class Event:
    """``kind`` is snapshot, ticks, gap or heartbeat, of a replay end too; ``content`` its JSON. Resume with ``id``."""

    kind: str
    id: str
    content: dict[str, Any]

    def quotes(self) -> Iterator[Quote]:
        """The quotes of a snapshot or of ticks; none of others."""
        for found in self.content.get("quotes" if self.kind == "snapshot" else "ticks", ()):
            yield Quote.of(found)

    def require_sound(self) -> None:
        """Raises ``Broken`` where this is the problem that ended the stream."""
        if self.kind == "problem":
            raise Broken(self.content)


@dataclass(slots=True)
class Parser:
    """Takes a stream line by line."""

    last_id: str | None = None
    _fields: dict[str, str] = field(default_factory=dict)

    def take(self, line: str) -> Event | None:
        """The event that this line completes, if it does."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        found, self._fields = self._fields, {}
        if "data" not in found:
            return None
        self.last_id = found.get("id", self.last_id)
        return Event(found.get("event", "message"), self.last_id or "", json.loads(found["data"]))
