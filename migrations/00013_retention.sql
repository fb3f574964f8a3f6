-- +goose Up
-- How far retention has come. A purge of everything that arrived before purged_before is announced, and begins a day later at purged_at: a clock that was
-- wrong for a moment removes nothing. What is gone can always say since when (docs/decisions/0018-retention.md).
CREATE TABLE purges (
    purged_before timestamptz PRIMARY KEY,
    announced_at  timestamptz NOT NULL,
    purged_at     timestamptz
);

-- +goose Down
DROP TABLE purges;
