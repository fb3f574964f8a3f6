-- +goose Up
-- Deliveries counted by the minute, written with each batch: overview and charts read these and never count rows.
-- writer keeps concurrent batches from waiting for one another's row; readers sum over it.
CREATE TABLE traffic_minutes (
    minute          timestamptz NOT NULL,
    subscription_id bigint      NOT NULL,
    organization_id bigint      NOT NULL,
    verdict         text        NOT NULL,
    reason          text        NOT NULL,
    writer          integer     NOT NULL,
    deliveries      bigint      NOT NULL,
    body_bytes      bigint      NOT NULL,
    answer_micros   bigint      NOT NULL,
    PRIMARY KEY (minute, subscription_id, verdict, reason, writer)
);

-- +goose Down
DROP TABLE traffic_minutes;
