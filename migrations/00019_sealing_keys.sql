-- +goose Up
-- The encryption keys by which programs have sealed, by the id that stands beside every sealed value. A start finds here which keys may be needed without
-- reading every row (docs/decisions/0025-rotating-the-encryption-key.md).
CREATE TABLE sealing_keys (
    key_id        bytea PRIMARY KEY CHECK (length(key_id) = 8),
    first_used_at timestamptz NOT NULL,
    last_used_at  timestamptz NOT NULL, -- the last start at which it was the newest key
    resealed_at   timestamptz           -- when a rotation had left nothing that is sealed with it
);

-- How far a rotation has come in a table that takes long, so that one that was interrupted goes on there.
CREATE TABLE sealing_progress (
    sealed     text PRIMARY KEY, -- table and column
    key_id     bytea       NOT NULL,
    position   text        NOT NULL,
    updated_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE sealing_progress;
DROP TABLE sealing_keys;
