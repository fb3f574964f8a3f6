-- +goose Up
-- When Cybersource is expected to try again, for notifications that no attempt was answered 200 of (docs/decisions/0016-retry-status.md).
-- due_at is when the clock has to look: overdue_at while retrying, gives_up_at while overdue, otherwise nothing is due.
ALTER TABLE notifications
    ADD COLUMN retries_of      integer NOT NULL DEFAULT 0,
    ADD COLUMN next_attempt_at timestamptz,
    ADD COLUMN overdue_at      timestamptz,
    ADD COLUMN gives_up_at     timestamptz,
    ADD COLUMN due_at          timestamptz,
    ADD CONSTRAINT notifications_expected CHECK (state IN ('delivered', 'exhausted') OR (next_attempt_at IS NOT NULL AND overdue_at IS NOT NULL AND gives_up_at IS NOT NULL));
CREATE INDEX notifications_due ON notifications (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notifications_waiting ON notifications (subscription_id, state) WHERE state IN ('overdue', 'held');
-- What the clock gave up too early, should it be set back.
CREATE INDEX notifications_given_up ON notifications (gives_up_at) WHERE state = 'exhausted' AND gives_up_at IS NOT NULL;

-- The lowest retry number that came with a fingerprint, and its event date as a time: by both, a first attempt finds the retries
-- that came before it, and a retry tells its own notification from a later one with the same payload.
ALTER TABLE notification_keys
    ADD COLUMN retry_number integer NOT NULL DEFAULT 0,
    ADD COLUMN event_at     timestamptz NOT NULL DEFAULT 'infinity'; -- infinity: not a time
CREATE INDEX notification_keys_late ON notification_keys (subscription_id, loose, event_at) WHERE retry_number > 0;

-- The retry policies that a subscription had, each from the moment it was asked for.
CREATE TABLE retry_policies (
    subscription_id bigint      NOT NULL REFERENCES subscriptions (id),
    since           timestamptz NOT NULL,
    policy          jsonb       NOT NULL,
    PRIMARY KEY (subscription_id, since)
);
INSERT INTO retry_policies (subscription_id, since, policy) SELECT id, created_at, retry_policy FROM subscriptions;

-- The statuses that a subscription had at Cybersource, each from the moment we heard of it.
CREATE TABLE subscription_statuses (
    subscription_id bigint      NOT NULL REFERENCES subscriptions (id),
    since           timestamptz NOT NULL,
    status          text        NOT NULL,
    PRIMARY KEY (subscription_id, since)
);
INSERT INTO subscription_statuses (subscription_id, since, status) SELECT id, status_since, status FROM subscriptions;

-- +goose Down
DROP TABLE subscription_statuses;
DROP TABLE retry_policies;
DROP INDEX notifications_waiting;
DROP INDEX notification_keys_late;
ALTER TABLE notification_keys DROP COLUMN retry_number, DROP COLUMN event_at;
ALTER TABLE notifications DROP CONSTRAINT notifications_expected;
ALTER TABLE notifications DROP COLUMN retries_of, DROP COLUMN next_attempt_at, DROP COLUMN overdue_at, DROP COLUMN gives_up_at, DROP COLUMN due_at;
