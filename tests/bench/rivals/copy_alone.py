"""The limit: rows that are encoded already, by COPY into our table with its indexes, a transaction each 20,000."""

import io
from pathlib import Path

import psycopg2
from contest import OPTIONS, Clock

connection = psycopg2.connect(OPTIONS["database"])
cursor = connection.cursor()
loads = [(int(path.name.split(".")[1]), io.BytesIO(path.read_bytes())) for path in map(Path, OPTIONS["files"])]
clock = Clock()
clock.wait_for_start()
clock.received()
for rows, load in loads:
    cursor.copy_expert(f"COPY ticks ({OPTIONS['columns']}) FROM STDIN (FORMAT binary)", load)
    connection.commit()
    clock.committed(rows)
clock.tell()
