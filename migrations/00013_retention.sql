-- +goose Up
-- How far retention has come: everything that arrived before purged_before was removed at purged_at. A row is written before the removing
-- begins, so that what is gone can always say since when (docs/decisions/0018-retention.md).
CREATE TABLE purges (
    purged_before timestamptz PRIMARY KEY,
    purged_at     timestamptz NOT NULL
);

-- +goose Down
DROP TABLE purges;
