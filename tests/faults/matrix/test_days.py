"""Days of ``ticks`` made by many at once, and under readers that take their time (row 40)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from sqlalchemy import Engine, text

from orderbook.store.days import make_day, missing_days

DAYS = [date(2031, 1, 1) + timedelta(days=n) for n in range(20)]
WORKERS = 4


def test_workers_that_make_the_same_days_at_once_all_go_on(engine: Engine) -> None:
    together = threading.Barrier(WORKERS)

    def make_all(_: int) -> list[bool]:
        made = []
        with engine.connect() as connection:
            for day in DAYS:
                missing_days(connection, [day])  # from here on its backend remembers that there is none
                together.wait(30)
                made.append(make_day(connection, day))
        return made

    with ThreadPoolExecutor(WORKERS) as pool:
        made = list(pool.map(make_all, range(WORKERS)))
    assert [sum(day) for day in zip(*made, strict=True)] == [1] * len(DAYS)


def test_a_day_is_made_while_a_reader_has_read_the_table(engine: Engine) -> None:
    with engine.connect() as reader, engine.connect() as maker:
        reader.execute(text("SELECT count(*) FROM ticks"))  # its transaction stays open
        maker.execute(text("SET lock_timeout = '2s'"))
        maker.commit()
        assert make_day(maker, DAYS[0])
        reader.rollback()
