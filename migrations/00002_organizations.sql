-- +goose Up
-- Cybersource organizations with their REST credentials, and the keys Cybersource signs notifications with. Secrets are sealed.
CREATE TABLE organizations (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text        NOT NULL,
    environment     text        NOT NULL,
    name            text        NOT NULL,
    merchant_id     text        NOT NULL,
    key_id          text        NOT NULL DEFAULT '',
    sealed_secret   bytea,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT organizations_environment_known CHECK (environment IN ('sandbox', 'test', 'production', 'production-india')),
    CONSTRAINT organizations_id_form CHECK (organization_id ~ '^[A-Za-z0-9_-]{2,100}$'),
    CONSTRAINT organizations_secret_with_key CHECK ((key_id = '') = (sealed_secret IS NULL)),
    CONSTRAINT organizations_key UNIQUE (organization_id, environment)
);

-- reference §2.3: one key signs every subscription of an organization, a new one overrides it at once, and retries of
-- older notifications may still carry the former key id: so every key is kept.
CREATE TABLE signature_keys (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint      NOT NULL REFERENCES organizations (id),
    key_id          text        NOT NULL,
    sealed_key      bytea       NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz,
    replaced_at     timestamptz,
    CONSTRAINT signature_keys_key UNIQUE (organization_id, key_id)
);
CREATE UNIQUE INDEX signature_keys_current ON signature_keys (organization_id) WHERE replaced_at IS NULL;
CREATE INDEX signature_keys_by_key_id ON signature_keys (key_id);

-- +goose Down
DROP TABLE signature_keys;
DROP TABLE organizations;
