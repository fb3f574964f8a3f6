-- +goose Up
-- Who did what. A row is written before the action; an action at Cybersource is closed with its outcome afterwards.
CREATE TABLE audit_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,
    user_id         bigint REFERENCES users (id),
    actor           text        NOT NULL,
    action          text        NOT NULL,
    object_kind     text        NOT NULL,
    object_id       text        NOT NULL,
    object_name     text        NOT NULL DEFAULT '',
    organization_id bigint REFERENCES organizations (id),
    outcome         text        NOT NULL,
    detail          text        NOT NULL DEFAULT '',
    before          jsonb,
    after           jsonb,
    request_id      text        NOT NULL DEFAULT '',
    source          inet,
    CONSTRAINT audit_log_outcome_known CHECK (outcome IN ('started', 'succeeded', 'failed'))
);
CREATE INDEX audit_log_object ON audit_log (object_kind, object_id, id DESC);
CREATE INDEX audit_log_user ON audit_log (user_id, id DESC);
CREATE INDEX audit_log_action ON audit_log (action, id DESC);
CREATE INDEX audit_log_organization ON audit_log (organization_id, id DESC) WHERE organization_id IS NOT NULL;
-- What succeeded is nearly all there is, and needs no index to be found.
CREATE INDEX audit_log_outcome ON audit_log (outcome, id DESC) WHERE outcome <> 'succeeded';
CREATE INDEX audit_log_at ON audit_log (at);

-- +goose Down
DROP TABLE audit_log;
