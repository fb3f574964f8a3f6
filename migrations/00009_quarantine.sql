-- +goose Up
-- Rejected deliveries that were answered and counted, and not stored, because their endpoint or source had sent too many
-- (docs/decisions/0012-bounded-quarantine.md). They are in the sums of traffic too. writer is as in traffic_minutes.
CREATE TABLE rejected_unstored (
    hour            timestamptz NOT NULL,
    subscription_id bigint      NOT NULL,
    organization_id bigint      NOT NULL,
    reason          text        NOT NULL,
    writer          integer     NOT NULL,
    deliveries      bigint      NOT NULL,
    PRIMARY KEY (hour, subscription_id, reason, writer)
);

-- +goose Down
DROP TABLE rejected_unstored;
