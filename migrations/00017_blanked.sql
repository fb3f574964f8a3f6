-- +goose Up
-- How many security codes and pieces of magnetic stripe data were removed from the sealed body before it was stored
-- (docs/decisions/0022-security-codes-are-not-stored.md). Size and digests stay those of what arrived.
ALTER TABLE deliveries ADD COLUMN blanked integer NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE deliveries DROP COLUMN blanked;
