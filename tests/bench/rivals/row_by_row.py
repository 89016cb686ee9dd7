"""aiokafka, pydantic and asyncpg, one INSERT and one commit a row. At least once."""

import asyncio

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from contest import COLUMNS, OPTIONS, Clock
from model import parse

PLACES = ", ".join(f"${n}" for n in range(1, 11))


async def main() -> None:
    clock = Clock()
    topic, rows = OPTIONS["topic"], OPTIONS["rows"]
    connection = await asyncpg.connect(OPTIONS["database"])
    insert = await connection.prepare(f"INSERT INTO feed ({COLUMNS}) VALUES ({PLACES})")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=OPTIONS["bootstrap"],
        group_id=OPTIONS["group"],
        enable_auto_commit=True,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    clock.wait_for_start()
    consumer.assign([TopicPartition(topic, int(number)) for number in OPTIONS["ends"]])
    async for message in consumer:
        clock.received()
        tick = parse(message.value)
        await insert.fetch(*tick.__dict__.values(), message.partition, message.offset)
        clock.committed(1)
        if clock.rows == rows:
            break
    clock.tell()
    await consumer.stop()


asyncio.run(main())
