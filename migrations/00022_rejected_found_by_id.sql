-- +goose Up
-- A rejected delivery is found by the id of what it is about, as a notification is. It is read after the commit, when the rejection is explained; what a
-- rejected delivery says of itself is not proven.
ALTER TABLE deliveries ADD COLUMN explain_object text NOT NULL DEFAULT '';
CREATE INDEX deliveries_rejected_object ON deliveries (explain_object) WHERE explain_object <> '';

-- What a rejected delivery claims to be narrows its list, as it does that of notifications.
CREATE INDEX deliveries_rejected_product ON deliveries (product_id, id DESC) WHERE verdict = 'rejected';
CREATE INDEX deliveries_rejected_event_type ON deliveries (event_type, id DESC) WHERE verdict = 'rejected';
ALTER TABLE judgements ADD COLUMN product_id text NOT NULL DEFAULT '', ADD COLUMN event_type text NOT NULL DEFAULT '';

-- Deliveries that were chosen one by one; NULL: the filter chooses.
ALTER TABLE judgements ADD COLUMN delivery_ids uuid[];

-- +goose Down
ALTER TABLE judgements DROP COLUMN delivery_ids, DROP COLUMN product_id, DROP COLUMN event_type;
DROP INDEX deliveries_rejected_event_type;
DROP INDEX deliveries_rejected_product;
DROP INDEX deliveries_rejected_object;
ALTER TABLE deliveries DROP COLUMN explain_object;
