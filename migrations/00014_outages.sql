-- +goose Up
-- When a receiver ran: one row for each start of each process. seen_at moves on every few seconds; a row that says '' and has not moved for a
-- while is of a process that was killed, and is closed by the others as lost. Where no row covers a time, nobody received.
CREATE TABLE receiver_runs (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    ended      text        NOT NULL DEFAULT '',
    CONSTRAINT receiver_runs_ended_known CHECK (ended IN ('', 'stopped', 'lost'))
);
CREATE INDEX receiver_runs_started ON receiver_runs (started_at);

-- When a receiver answered 503, and how often: one row for each time without a minute's pause, written once the database takes writes again.
CREATE TABLE receiver_refusals (
    id            uuid PRIMARY KEY,
    cause         text        NOT NULL,
    first_at      timestamptz NOT NULL,
    last_at       timestamptz NOT NULL,
    deliveries    bigint      NOT NULL,
    health_checks bigint      NOT NULL,
    CONSTRAINT receiver_refusals_cause_given CHECK (cause <> '')
);
CREATE INDEX receiver_refusals_last ON receiver_refusals (last_at);

-- +goose Down
DROP TABLE receiver_refusals;
DROP TABLE receiver_runs;
