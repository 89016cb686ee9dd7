-- Laid over the ledger of a chaos run: what happened to ranges, one row each. The product knows nothing of it.
CREATE TABLE chaos_seen (kind text NOT NULL, range_id bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());

CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NEW.holder_pid IS NOT NULL AND NEW.holder_pid IS DISTINCT FROM OLD.holder_pid THEN
        IF OLD.deaths >= 1 THEN
            INSERT INTO chaos_seen VALUES ('takeover', NEW.id);
        END IF;
        IF OLD.deaths >= 2 THEN
            INSERT INTO chaos_seen VALUES ('suspect', NEW.id);
        END IF;
    ELSIF NEW.holder_pid IS NULL AND OLD.holder_pid IS NOT NULL AND NEW.state = 'planned' THEN
        INSERT INTO chaos_seen VALUES ('given back', NEW.id);
    END IF;
    IF NEW.hinted_at IS DISTINCT FROM OLD.hinted_at AND OLD.hinted_at IS NOT NULL THEN
        INSERT INTO chaos_seen VALUES ('hint sent again', NEW.id);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER chaos_note AFTER UPDATE ON offset_range FOR EACH ROW EXECUTE FUNCTION chaos_note();
