"""Reading ahead: in order, so many at once, and no more than that."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from orderbook.errors import Unavailable
from orderbook.replay.ahead import one_ahead, read_ahead


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_results_come_in_order_whichever_job_ends_first(at_once: int) -> None:
    ended = [threading.Event() for _ in range(20)]

    def job(number: int) -> int:
        late = number % at_once == 0 and number + at_once - 1 < len(ended)
        if late and at_once > 1:
            assert ended[number + 1].wait(10)
        ended[number].set()
        return number

    assert list(read_ahead((partial(job, number) for number in range(20)), at_once)) == list(range(20))


def test_what_a_job_raises_is_raised_in_its_turn() -> None:
    def broken() -> int:
        raise Unavailable("gone")

    jobs: list[Callable[[], int]] = [lambda: 1, lambda: 2, broken, lambda: 4]
    found = read_ahead(jobs, 3)
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(Unavailable, match="gone"):
        next(found)


def test_no_more_jobs_are_begun_than_may_run_at_once() -> None:
    begun = 0

    def jobs() -> Iterator[Callable[[], int]]:
        nonlocal begun
        for number in range(100):
            begun += 1
            yield partial(int, number)

    found = read_ahead(jobs(), 2)
    assert (next(found), begun) == (0, 3)
    found.close()  # type: ignore[attr-defined] # a generator
    assert begun == 3


def test_one_is_made_ahead_and_no_more() -> None:
    made: list[int] = []
    there = [threading.Event() for _ in range(9)]

    def source() -> Iterator[int]:
        for number, event in enumerate(there):
            made.append(number)
            event.set()
            yield number

    found = one_ahead(source())
    assert next(found) == 0
    assert there[1].wait(10)
    assert next(found) == 1
    assert there[2].wait(10)
    assert made == [0, 1, 2]
    assert list(found) == list(range(2, 9))


def test_what_the_source_raises_is_raised_in_its_turn() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise Unavailable("gone")

    found = one_ahead(source())
    assert next(found) == 1
    with pytest.raises(Unavailable, match="gone"):
        next(found)
