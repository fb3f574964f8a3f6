-- +goose Up
-- Long rows were brought down to 128 bytes, which moved every text of a notification out of line, five values a row. 1,000 bytes leave room for all but
-- the payload, or the body (store.EnsurePartitions makes new partitions like this). What is stored already stays as it is.
-- +goose StatementBegin
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent IN ('deliveries'::regclass, 'notifications'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 1000)', part);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent IN ('deliveries'::regclass, 'notifications'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 128)', part);
    END LOOP;
END
$$;
-- +goose StatementEnd
