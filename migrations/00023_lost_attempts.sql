-- +goose Up
-- How many attempts of a notification never arrived: neither verified nor rejected. What a rejected delivery says, without its event date, tells of which
-- notification it looks like an attempt; it is read when the rejection is explained.
ALTER TABLE deliveries ADD COLUMN explain_loose bytea;
CREATE INDEX deliveries_rejected_loose ON deliveries (subscription_id, explain_loose) WHERE explain_loose IS NOT NULL;
ALTER TABLE notifications ADD COLUMN lost_attempts integer NOT NULL DEFAULT 0;
UPDATE notifications SET lost_attempts = first_retry_number WHERE first_retry_number > 0;
CREATE INDEX notifications_missing_attempts ON notifications (id DESC) WHERE lost_attempts > 0;

-- What the last equal request was answered, which is not what the first was where that has been released since. 0: not known.
ALTER TABLE deliveries ADD COLUMN duplicate_answered smallint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE deliveries DROP COLUMN duplicate_answered;
DROP INDEX notifications_missing_attempts;
ALTER TABLE notifications DROP COLUMN lost_attempts;
DROP INDEX deliveries_rejected_loose;
ALTER TABLE deliveries DROP COLUMN explain_loose;
