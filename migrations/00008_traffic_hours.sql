-- +goose Up
-- The sums of traffic_minutes by the hour, written with each batch as those are: what a chart of a week reads.
CREATE TABLE traffic_hours (
    hour            timestamptz NOT NULL,
    subscription_id bigint      NOT NULL,
    organization_id bigint      NOT NULL,
    verdict         text        NOT NULL,
    reason          text        NOT NULL,
    writer          integer     NOT NULL,
    deliveries      bigint      NOT NULL,
    body_bytes      bigint      NOT NULL,
    answer_micros   bigint      NOT NULL,
    PRIMARY KEY (hour, subscription_id, verdict, reason, writer)
);
INSERT INTO traffic_hours (hour, subscription_id, organization_id, verdict, reason, writer, deliveries, body_bytes, answer_micros)
SELECT date_trunc('hour', minute, 'UTC'), subscription_id, organization_id, verdict, reason, writer, sum(deliveries), sum(body_bytes), sum(answer_micros)
FROM traffic_minutes GROUP BY 1, 2, 3, 4, 5, 6;

-- +goose Down
DROP TABLE traffic_hours;
