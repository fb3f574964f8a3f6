-- +goose Up
-- Whose deliveries were refused without being kept, and what was answered: 503, 413 for a body that is too long, 408 for one that comes too slowly, 400 for one
-- that broke off. 0: of no known endpoint, or noted by an earlier release.
ALTER TABLE receiver_refusals
    ADD COLUMN subscription_id bigint   NOT NULL DEFAULT 0,
    ADD COLUMN organization_id bigint   NOT NULL DEFAULT 0,
    ADD COLUMN status          smallint NOT NULL DEFAULT 503;

-- +goose Down
ALTER TABLE receiver_refusals
    DROP COLUMN status,
    DROP COLUMN organization_id,
    DROP COLUMN subscription_id;
