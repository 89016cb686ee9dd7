-- What the hand-written rivals fill: indexed for queries, no unique key.
CREATE TABLE feed (
    symbol text COLLATE "C" NOT NULL,
    event_time timestamptz NOT NULL,
    received_time timestamptz NOT NULL,
    bid_price numeric(18, 9),
    ask_price numeric(18, 9),
    bid_volume numeric(18, 9),
    ask_volume numeric(18, 9),
    sequence_id bigint NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset bigint NOT NULL
);
CREATE INDEX feed_symbol_event_time ON feed (symbol, event_time);
