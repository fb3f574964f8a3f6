-- +goose Up
-- People who sign in, their sessions, and the one-time link that makes the first administrator.
CREATE TABLE users (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email           text        NOT NULL,
    name            text        NOT NULL DEFAULT '',
    role            text        NOT NULL,
    password_hash   text        NOT NULL,
    theme           text        NOT NULL DEFAULT 'system',
    zone            text        NOT NULL DEFAULT 'browser',
    created_at      timestamptz NOT NULL,
    last_sign_in_at timestamptz,
    disabled_at     timestamptz,
    CONSTRAINT users_email_lower CHECK (email = lower(email) AND email <> ''),
    CONSTRAINT users_role_known CHECK (role IN ('viewer', 'editor', 'administrator')),
    CONSTRAINT users_theme_known CHECK (theme IN ('system', 'light', 'dark')),
    CONSTRAINT users_zone_known CHECK (zone IN ('utc', 'browser', 'organization')),
    CONSTRAINT users_email_key UNIQUE (email)
);

-- The cookie carries a random id; only its SHA-256 is kept, so that reading this table signs nobody in.
CREATE TABLE sessions (
    id_hash    bytea PRIMARY KEY,
    user_id    bigint REFERENCES users (id) ON DELETE CASCADE,
    data       bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE setup_links (
    token_hash bytea PRIMARY KEY,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

-- Failed sign-ins per e-mail address and per source, so that a lockout outlives a restart and holds on every replica.
CREATE TABLE sign_in_failures (
    subject      text PRIMARY KEY,
    failures     integer     NOT NULL,
    last_at      timestamptz NOT NULL,
    locked_until timestamptz,
    CONSTRAINT sign_in_failures_positive CHECK (failures > 0)
);

-- +goose Down
DROP TABLE sign_in_failures;
DROP TABLE setup_links;
DROP TABLE sessions;
DROP TABLE users;
