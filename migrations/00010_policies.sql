-- +goose Up
-- What deliveries of a subscription must show besides their signature (docs/decisions/0013-what-a-delivery-must-show.md).
ALTER TABLE subscriptions ADD COLUMN policy jsonb NOT NULL DEFAULT '{}';
ALTER TABLE subscriptions ADD CONSTRAINT subscriptions_policy_object CHECK (jsonb_typeof(policy) = 'object');

-- The clients that may ask our token server for tokens (docs/decisions/0014-our-own-token-server.md). Several of one organization are valid at
-- a time, so that one can take the place of another. Secrets are 256 random bits; only their SHA-256 is kept.
CREATE TABLE oauth_clients (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint      NOT NULL REFERENCES organizations (id),
    subscription_id bigint      REFERENCES subscriptions (id),
    client_id       text        NOT NULL,
    method          text        NOT NULL,
    secret_hash     bytea,
    audience        text        NOT NULL DEFAULT '',
    scope           text        NOT NULL DEFAULT '',
    key_id          text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz,
    last_used_at    timestamptz,
    retired_at      timestamptz,
    CONSTRAINT oauth_clients_client_id_key UNIQUE (client_id),
    CONSTRAINT oauth_clients_client_id_length CHECK (length(client_id) BETWEEN 1 AND 200),
    CONSTRAINT oauth_clients_method_known CHECK (method IN ('secret', 'assertion')),
    CONSTRAINT oauth_clients_secret_with_method CHECK ((method = 'secret') = (secret_hash IS NOT NULL)),
    CONSTRAINT oauth_clients_hash_length CHECK (length(secret_hash) = 32)
);
CREATE INDEX oauth_clients_organization ON oauth_clients (organization_id, id DESC);
CREATE INDEX oauth_clients_subscription ON oauth_clients (subscription_id) WHERE subscription_id IS NOT NULL;

-- The certificates whose keys sign client assertions of oAuth_JWT.
CREATE TABLE assertion_certificates (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint      NOT NULL REFERENCES organizations (id),
    key_id          text        NOT NULL DEFAULT '',
    certificate     bytea       NOT NULL,
    fingerprint     bytea       NOT NULL,
    not_before      timestamptz NOT NULL,
    not_after       timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    retired_at      timestamptz,
    CONSTRAINT assertion_certificates_fingerprint_length CHECK (length(fingerprint) = 32)
);
CREATE UNIQUE INDEX assertion_certificates_current ON assertion_certificates (organization_id, fingerprint, key_id) WHERE retired_at IS NULL;

-- Assertions that were used, until they expire: each is good for one token, on all replicas together.
CREATE TABLE used_assertions (
    oauth_client_id bigint      NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    jti_hash        bytea       NOT NULL,
    expires_at      timestamptz NOT NULL,
    PRIMARY KEY (oauth_client_id, jti_hash)
);
CREATE INDEX used_assertions_expiry ON used_assertions (expires_at);

-- The keys of external token issuers as they were last fetched, so that a start while the issuer is away finds them.
CREATE TABLE issuer_keys (
    jwks_url   text PRIMARY KEY,
    jwks       text        NOT NULL,
    fetched_at timestamptz NOT NULL
);

-- Certificates to which Cybersource encrypts, with their private keys sealed. Former ones go on opening late retries until they are retired.
CREATE TABLE mle_keys (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint      NOT NULL REFERENCES organizations (id),
    subscription_id bigint      REFERENCES subscriptions (id),
    key_id          text        NOT NULL DEFAULT '',
    certificate     bytea       NOT NULL,
    sealed_key      bytea       NOT NULL,
    fingerprint     bytea       NOT NULL,
    serial          text        NOT NULL,
    not_before      timestamptz NOT NULL,
    not_after       timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    registered_at   timestamptz,
    replaced_at     timestamptz,
    retired_at      timestamptz,
    CONSTRAINT mle_keys_fingerprint_key UNIQUE (fingerprint),
    CONSTRAINT mle_keys_fingerprint_length CHECK (length(fingerprint) = 32)
);
CREATE INDEX mle_keys_organization ON mle_keys (organization_id, id DESC);
CREATE INDEX mle_keys_subscription ON mle_keys (subscription_id) WHERE subscription_id IS NOT NULL;

-- +goose Down
DROP TABLE mle_keys;
DROP TABLE issuer_keys;
DROP TABLE used_assertions;
DROP TABLE assertion_certificates;
DROP TABLE oauth_clients;
ALTER TABLE subscriptions DROP COLUMN policy;
