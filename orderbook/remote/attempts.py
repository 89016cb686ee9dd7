"""When the client tries again."""

import random
from dataclasses import dataclass
from typing import Final

import httpx2

from orderbook.remote.answers import ApiError

AGAIN: Final = frozenset({429, 502, 503, 504})  # what passes by itself


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often to try again, and how long to wait between."""

    attempts: int = 5
    first_seconds: float = 0.25
    longest_seconds: float = 10.0

    def wait_seconds(self, attempt: int, told: str | None = None) -> float:
        """Seconds after the ``attempt``-th failure: what the server told, else doubled each time, with jitter."""
        if told is not None and told.isdecimal():
            return min(float(told), self.longest_seconds)
        doubled: float = self.first_seconds * 2.0 ** (attempt - 1)
        return min(doubled, self.longest_seconds) * random.uniform(0.5, 1)


class Attempts:
    """Counts failures of one request; says how long to wait, or raises the last one."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._failures = 0

    def wait_after(self, error: httpx2.TransportError | httpx2.Response) -> float:
        """Note a failure. Raises ``ApiError`` where trying again would not help, or has not helped."""
        self._failures += 1
        told = None
        if isinstance(error, httpx2.Response):
            if error.status_code not in AGAIN or self._failures >= self._policy.attempts:
                raise ApiError.of(error.status_code, error.content)
            told = error.headers.get("retry-after")
        elif self._failures >= self._policy.attempts:
            raise ApiError(0, f"no answer: {error or type(error).__name__}", "is the API running?") from error
        return self._policy.wait_seconds(self._failures, told)

    def succeeded(self) -> None:
        """Begin anew: what failed works again."""
        self._failures = 0
