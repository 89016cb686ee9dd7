"""Work done ahead of who asks for it, and handed over in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat
from typing import TypeVar

T = TypeVar("T")


def read_ahead(jobs: Iterable[Callable[[], T]], at_once: int) -> Generator[T, None, None]:
    """Yield what each job returns, in order. So many run at once on threads, also while the receiver is busy.

    What a job raises is raised here, in its turn. Leave early, and those that run are waited for.
    """
    waiting = iter(jobs)
    with ThreadPoolExecutor(at_once, "read-ahead") as threads:
        coming = deque(threads.submit(job) for job in islice(waiting, at_once))
        try:
            while coming:
                found = coming.popleft().result()
                coming.extend(threads.submit(job) for job in islice(waiting, 1))
                yield found
        finally:
            for job in coming:
                job.cancel()


def one_ahead(source: Iterator[T]) -> Generator[T, None, None]:
    """Yield what ``source`` does; it makes the next one on a thread, also while the receiver is busy."""
    for found in read_ahead(repeat(lambda: list(islice(source, 1))), 1):
        if not found:
            return
        yield found[0]
