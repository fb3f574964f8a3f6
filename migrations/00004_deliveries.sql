-- +goose Up
-- Every request that arrived on an endpoint, as it came. The id is a UUID version 7 made from received_at: it is the partition
-- key, the primary key and the keyset of every list at once (docs/decisions/0001-time-ordered-ids.md).
CREATE TABLE deliveries (
    id                uuid        NOT NULL,
    received_at       timestamptz NOT NULL,
    endpoint_id       bigint      NOT NULL,
    subscription_id   bigint      NOT NULL,
    organization_id   bigint      NOT NULL,
    notification_id   uuid,
    product_id        text        NOT NULL DEFAULT '',
    event_type        text        NOT NULL DEFAULT '',
    webhook_id        text        NOT NULL DEFAULT '',
    trace_id          text        NOT NULL DEFAULT '',
    request_type      text        NOT NULL DEFAULT '',
    retry_number      integer     NOT NULL DEFAULT 0,
    event_date        text        NOT NULL DEFAULT '',
    verdict           text        NOT NULL,
    reason            text        NOT NULL DEFAULT '',
    reason_detail     text        NOT NULL DEFAULT '',
    key_id            text        NOT NULL DEFAULT '',
    variant           text        NOT NULL DEFAULT '',
    envelope_signed   boolean     NOT NULL DEFAULT false,
    signed_at         timestamptz,
    answered          smallint    NOT NULL,
    answer_micros     integer     NOT NULL,
    source            inet,
    tls               text        NOT NULL DEFAULT '',
    headers           jsonb       NOT NULL,
    body              bytea       NOT NULL,
    body_sha256       bytea       NOT NULL,
    body_bytes        integer     NOT NULL,
    duplicates        integer     NOT NULL DEFAULT 0,
    last_duplicate_at timestamptz,
    -- Why it was rejected, found after the commit (docs/decisions/0011-explained-after-the-commit.md): the rung of the ladder, its facts in
    -- words, and the beginning of the signature that was expected. Empty: not rejected, or not explained yet.
    explain_rung      text        NOT NULL DEFAULT '',
    explain_detail    text        NOT NULL DEFAULT '',
    explain_expected  text        NOT NULL DEFAULT '',
    CONSTRAINT deliveries_verdict_known CHECK (verdict IN ('verified', 'rejected')),
    CONSTRAINT deliveries_reason_with_rejection CHECK ((verdict = 'rejected') = (reason <> '')),
    CONSTRAINT deliveries_sha256_length CHECK (length(body_sha256) = 32),
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
-- Sealed bodies do not compress; out of line they keep the heap rows narrow for deep pages.
ALTER TABLE deliveries ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX deliveries_trace ON deliveries (trace_id);
CREATE INDEX deliveries_rejected ON deliveries (organization_id, id DESC) WHERE verdict = 'rejected';
CREATE INDEX deliveries_rejected_all ON deliveries (id DESC) WHERE verdict = 'rejected';
CREATE INDEX deliveries_rejected_subscription ON deliveries (subscription_id, id DESC) WHERE verdict = 'rejected';
CREATE INDEX deliveries_rejected_reason ON deliveries (reason, id DESC) WHERE verdict = 'rejected';
-- What waits for its explanation has an empty rung, and is found here too.
CREATE INDEX deliveries_rejected_rung ON deliveries (explain_rung, id DESC) WHERE verdict = 'rejected';
-- A delivery verified first has its own id as notification id; only later ones of the same notification need an index.
CREATE INDEX deliveries_siblings ON deliveries (notification_id) WHERE notification_id <> id;
-- Catches what no partition was made for; the keeper reports it when it is not empty.
CREATE TABLE deliveries_default PARTITION OF deliveries DEFAULT;

-- One row for each different request: the constraint that stores a repeated one once, on every replica and across partitions.
CREATE TABLE delivery_digests (
    endpoint_id bigint NOT NULL,
    digest      bytea  NOT NULL,
    delivery_id uuid   NOT NULL,
    PRIMARY KEY (endpoint_id, digest)
);

-- Verified deliveries whose notification is not made yet. Written with the delivery, removed with the grouping.
CREATE TABLE grouping_queue (
    delivery_id uuid PRIMARY KEY
);

-- +goose Down
DROP TABLE grouping_queue;
DROP TABLE delivery_digests;
DROP TABLE deliveries;
