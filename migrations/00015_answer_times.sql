-- +goose Up
-- How long deliveries waited for their answers, as a histogram: the answers that took no longer than a bound and longer than the bound before it.
-- An answer is later than its delivery's commit, so these follow within a second; a crash loses that second. writer is as in traffic_minutes.
CREATE TABLE answer_minutes (
    minute          timestamptz NOT NULL,
    subscription_id bigint      NOT NULL,
    organization_id bigint      NOT NULL,
    within_micros   bigint      NOT NULL,
    writer          integer     NOT NULL,
    answers         bigint      NOT NULL,
    PRIMARY KEY (minute, subscription_id, within_micros, writer)
);
CREATE TABLE answer_hours (
    hour            timestamptz NOT NULL,
    subscription_id bigint      NOT NULL,
    organization_id bigint      NOT NULL,
    within_micros   bigint      NOT NULL,
    writer          integer     NOT NULL,
    answers         bigint      NOT NULL,
    PRIMARY KEY (hour, subscription_id, within_micros, writer)
);

-- Requests equal to one that was stored before, answered as that one was and not stored again.
ALTER TABLE traffic_minutes ADD COLUMN duplicates bigint NOT NULL DEFAULT 0;
ALTER TABLE traffic_hours ADD COLUMN duplicates bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE traffic_hours DROP COLUMN duplicates;
ALTER TABLE traffic_minutes DROP COLUMN duplicates;
DROP TABLE answer_hours;
DROP TABLE answer_minutes;
