-- What Quix Streams would make of the ticks by itself, without its metadata.
CREATE TABLE feed_quix (
    symbol text,
    event_time text,
    received_time text,
    bid_price double precision,
    ask_price double precision,
    bid_volume double precision,
    ask_volume double precision,
    sequence_id bigint
);
