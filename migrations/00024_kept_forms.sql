-- What somebody typed into a form that arrived after their session had ended. It waits, sealed, until the same person has signed in again.

-- +goose Up
CREATE TABLE kept_forms (
    -- random, so that it cannot be guessed; the address of the page that gives the answers back
    id text PRIMARY KEY CHECK (length(id) BETWEEN 20 AND 64),
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    -- version, key id, nonce and ciphertext, as Sealer writes them
    content bytea NOT NULL CHECK (length(content) <= 131072),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX kept_forms_by_user ON kept_forms (user_id, created_at);

-- +goose Down
DROP TABLE kept_forms;
