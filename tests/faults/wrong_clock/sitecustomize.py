"""For Python under libfaketime 0.9.10, which refuses the absolute clock_nanosleep that ``time.sleep`` is made of."""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
