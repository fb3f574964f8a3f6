-- +goose Up
-- What Cybersource told us, however often it was sent. The id is that of the first delivery.
--
--                     200 answered                    retries used up
--   first delivery ----------------> delivered     +------------------> exhausted
--         | not 200                                |
--         v                                        |  next retry did not come
--      retrying -----------------------------------+------------------> overdue --> held (subscription SUSPENDED)
CREATE TABLE notifications (
    id                  uuid        NOT NULL,
    received_at         timestamptz NOT NULL,
    subscription_id     bigint      NOT NULL,
    organization_id     bigint      NOT NULL,
    product_id          text        NOT NULL,
    event_type          text        NOT NULL,
    webhook_id          text        NOT NULL,
    event_date          text        NOT NULL,
    event_organization  text        NOT NULL,
    object_id           text        NOT NULL,
    summary             text        NOT NULL,
    state               text        NOT NULL,
    readable            boolean     NOT NULL,
    test                boolean     NOT NULL,
    first_retry_number  integer     NOT NULL,
    last_retry_number   integer     NOT NULL,
    delivery_count      integer     NOT NULL,
    last_delivery_at    timestamptz NOT NULL,
    fingerprint         bytea       NOT NULL,
    body_bytes          integer     NOT NULL,
    payload             jsonb,
    CONSTRAINT notifications_state_known CHECK (state IN ('delivered', 'retrying', 'overdue', 'held', 'exhausted')),
    CONSTRAINT notifications_delivered_once CHECK (delivery_count > 0),
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX notifications_organization ON notifications (organization_id, id DESC);
CREATE INDEX notifications_subscription ON notifications (subscription_id, id DESC);
CREATE INDEX notifications_product ON notifications (product_id, event_type, id DESC);
CREATE INDEX notifications_event_type ON notifications (event_type, id DESC);
CREATE INDEX notifications_object ON notifications (object_id) WHERE object_id <> '';
CREATE INDEX notifications_retried ON notifications (id DESC) WHERE delivery_count > 1 OR first_retry_number > 0;
CREATE INDEX notifications_lost_attempts ON notifications (id DESC) WHERE first_retry_number > 0;
CREATE INDEX notifications_unreadable ON notifications (id DESC) WHERE NOT readable;
CREATE INDEX notifications_test ON notifications (id DESC) WHERE test;
CREATE INDEX notifications_open ON notifications (state, id DESC) WHERE state <> 'delivered';
CREATE TABLE notifications_default PARTITION OF notifications DEFAULT;

-- The grouping rule of design.md section 4 as a constraint: one notification for each fingerprint of a subscription.
-- loose is the fingerprint without the event date, by which a retry is found when its sender changed the date.
CREATE TABLE notification_keys (
    subscription_id bigint NOT NULL,
    fingerprint     bytea  NOT NULL,
    loose           bytea  NOT NULL,
    notification_id uuid   NOT NULL,
    PRIMARY KEY (subscription_id, fingerprint)
);
CREATE INDEX notification_keys_loose ON notification_keys (subscription_id, loose, notification_id DESC);

-- +goose StatementBegin
DO $$
BEGIN
    -- lz4 is a third of the processor time of pglz, but not every build has it.
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE notifications ALTER COLUMN payload SET COMPRESSION lz4;
        ALTER TABLE deliveries ALTER COLUMN headers SET COMPRESSION lz4;
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP TABLE notification_keys;
DROP TABLE notifications;
