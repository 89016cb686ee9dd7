"""confluent-kafka, pydantic, COPY text straight into the table: the best that is written by hand. At least once."""

import io
from typing import Any

import psycopg2
from contest import COLUMNS, OPTIONS, Clock, consume
from model import judge

connection = psycopg2.connect(OPTIONS["database"])
cursor = connection.cursor()


def write(messages: list[Any]) -> None:
    lines = []
    for message in messages:
        tick = judge(message)
        if tick is None:
            continue
        lines.append(
            f"{tick.symbol}\t{tick.event_time}\t{tick.received_time}\t{tick.bid_price}\t{tick.ask_price}\t"
            f"{tick.bid_volume}\t{tick.ask_volume}\t{tick.sequence_id}\t{message.partition()}\t{message.offset()}\n"
        )
    cursor.copy_expert(f"COPY feed ({COLUMNS}) FROM STDIN", io.StringIO("".join(lines)))
    connection.commit()


consume(write, Clock())
