-- +goose Up
-- A subscription as the team wants it (intent) with what Cybersource last said of it (actual), and the endpoint that receives for it.
CREATE TABLE subscriptions (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id   bigint      NOT NULL REFERENCES organizations (id),
    webhook_id        text,
    name              text        NOT NULL,
    description       text        NOT NULL DEFAULT '',
    products          jsonb       NOT NULL,
    scope             text        NOT NULL DEFAULT 'DESCENDANTS',
    security_type     text        NOT NULL DEFAULT 'KEY',
    retry_policy      jsonb       NOT NULL,
    status            text        NOT NULL DEFAULT 'CREATING',
    status_detail     text        NOT NULL DEFAULT '',
    status_since      timestamptz NOT NULL,
    actual            jsonb,
    checked_at        timestamptz,
    last_delivery_at  timestamptz,
    created_by        bigint REFERENCES users (id),
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    deleted_at        timestamptz,
    -- CREATING and UNKNOWN are ours: not yet confirmed, and no longer found at Cybersource. The others are reference §5.8.
    CONSTRAINT subscriptions_status_known CHECK (status IN ('CREATING', 'PENDING_REVIEW', 'BLOCKED', 'INACTIVE', 'ACTIVE', 'SUSPENDED', 'RESEND', 'UNKNOWN', 'DELETED')),
    CONSTRAINT subscriptions_scope_known CHECK (scope IN ('SELF', 'DESCENDANTS', 'CUSTOM')),
    CONSTRAINT subscriptions_security_known CHECK (security_type IN ('KEY', 'oAuth', 'oAuth_JWT')),
    CONSTRAINT subscriptions_products_array CHECK (jsonb_typeof(products) = 'array'),
    CONSTRAINT subscriptions_deleted_status CHECK ((deleted_at IS NULL) OR status = 'DELETED')
);
CREATE UNIQUE INDEX subscriptions_webhook ON subscriptions (organization_id, webhook_id);
CREATE INDEX subscriptions_living ON subscriptions (organization_id, id) WHERE deleted_at IS NULL;

-- The unguessable part of the URL that Cybersource calls. It is an address, not a secret: the signature is what convinces.
CREATE TABLE endpoints (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id bigint      NOT NULL REFERENCES subscriptions (id),
    token           text        NOT NULL,
    created_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    CONSTRAINT endpoints_token_key UNIQUE (token),
    CONSTRAINT endpoints_token_length CHECK (length(token) >= 32),
    -- Cybersource has been seen to give URLs back in lower case (reference §5.2).
    CONSTRAINT endpoints_token_lower CHECK (token = lower(token))
);
CREATE UNIQUE INDEX endpoints_current ON endpoints (subscription_id) WHERE revoked_at IS NULL;

-- At most one row a minute per endpoint and answer (design.md section 5).
CREATE TABLE health_pings (
    endpoint_id bigint      NOT NULL REFERENCES endpoints (id),
    minute      timestamptz NOT NULL,
    answered    smallint    NOT NULL,
    method      text        NOT NULL,
    last_at     timestamptz NOT NULL,
    source      inet,
    PRIMARY KEY (endpoint_id, minute, answered)
);

-- +goose Down
DROP TABLE health_pings;
DROP TABLE endpoints;
DROP TABLE subscriptions;
