-- +goose Up
-- Verified deliveries that could not be made into notifications because the database, or this program, cannot work with something that one of
-- them contains. Each was set apart so that the others go on. It is tried again now and then, and when a receiver starts.
CREATE TABLE grouping_failures (
    delivery_id uuid        PRIMARY KEY,
    failed_at   timestamptz NOT NULL,
    -- The database's error code (SQLSTATE), empty where this program could not read what the database returned.
    code        text        NOT NULL
);
CREATE INDEX grouping_failures_failed ON grouping_failures (failed_at);

-- +goose Down
DROP TABLE grouping_failures;
