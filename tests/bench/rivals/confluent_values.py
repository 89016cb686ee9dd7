"""confluent-kafka, pydantic and psycopg2's execute_values: what most people write. At least once."""

from typing import Any

import psycopg2
from contest import COLUMNS, OPTIONS, Clock, consume
from model import judge
from psycopg2.extras import execute_values

connection = psycopg2.connect(OPTIONS["database"])
cursor = connection.cursor()


def write(messages: list[Any]) -> None:
    rows = []
    for message in messages:
        tick = judge(message)
        if tick is not None:
            rows.append((*tick.__dict__.values(), message.partition(), message.offset()))
    execute_values(cursor, f"INSERT INTO feed ({COLUMNS}) VALUES %s", rows, page_size=1_000)
    connection.commit()


consume(write, Clock())
