-- +goose Up
-- Judging rejected deliveries again with today's keys and policies (docs/decisions/0017-judged-again-and-released.md). What is judged is what
-- a filter found when it was asked for; the filter is kept so that one can say what was looked at.
--
--   judging ---- all judged ----> judged ---- somebody asks ----> releasing ---- nothing left ----> released
CREATE TABLE judgements (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at       timestamptz NOT NULL,
    user_id          bigint REFERENCES users (id),
    actor            text        NOT NULL,
    why              text        NOT NULL,
    organizations    bigint[]    NOT NULL,
    subscription_id  bigint      NOT NULL DEFAULT 0,
    reason           text        NOT NULL DEFAULT '',
    rung             text        NOT NULL DEFAULT '',
    key_id           text        NOT NULL DEFAULT '',
    from_at          timestamptz,
    to_at            timestamptz NOT NULL,
    delivery_id      uuid,
    -- found is how many there were, up to a bound; beyond says that there were more than that.
    found            integer     NOT NULL,
    beyond           boolean     NOT NULL,
    state            text        NOT NULL DEFAULT 'judging',
    passing          integer     NOT NULL DEFAULT 0,
    failing          integer     NOT NULL DEFAULT 0,
    not_judged       integer     NOT NULL DEFAULT 0,
    -- How far the work has come, and when it last came further.
    judged_through   uuid,
    released_through uuid,
    progress_at      timestamptz NOT NULL,
    judged_at        timestamptz,
    release_asked_at timestamptz,
    release_user_id  bigint REFERENCES users (id),
    release_actor    text        NOT NULL DEFAULT '',
    release_why      text        NOT NULL DEFAULT '',
    released         integer     NOT NULL DEFAULT 0,
    withheld         integer     NOT NULL DEFAULT 0,
    released_at      timestamptz,
    CONSTRAINT judgements_state_known CHECK (state IN ('judging', 'judged', 'releasing', 'released')),
    CONSTRAINT judgements_judged_when_done CHECK ((state = 'judging') = (judged_at IS NULL)),
    CONSTRAINT judgements_release_asked CHECK ((state IN ('releasing', 'released')) = (release_asked_at IS NOT NULL)),
    CONSTRAINT judgements_released_when_done CHECK ((state = 'released') = (released_at IS NOT NULL)),
    CONSTRAINT judgements_not_empty CHECK (found > 0)
);
CREATE INDEX judgements_unfinished ON judgements (id) WHERE state IN ('judging', 'releasing');

-- What a judgement found about each delivery, beside the verdict at its arrival, which stays with the delivery.
CREATE TABLE judged_deliveries (
    judgement_id bigint NOT NULL REFERENCES judgements (id),
    delivery_id  uuid   NOT NULL,
    outcome      text   NOT NULL,
    first_reason text   NOT NULL,
    first_rung   text   NOT NULL,
    reason       text   NOT NULL,
    rung         text   NOT NULL,
    detail       text   NOT NULL,
    key_id       text   NOT NULL,
    CONSTRAINT judged_deliveries_outcome_known CHECK (outcome IN ('passes', 'rejected', 'not_judged')),
    CONSTRAINT judged_deliveries_reason CHECK ((outcome = 'passes') = (reason = '')),
    PRIMARY KEY (judgement_id, delivery_id)
);
CREATE INDEX judged_deliveries_delivery ON judged_deliveries (delivery_id, judgement_id);
CREATE INDEX judged_deliveries_outcome ON judged_deliveries (judgement_id, outcome, delivery_id);

-- Deliveries that left quarantine for the notifications, with the verdict that they had until then.
CREATE TABLE released_deliveries (
    delivery_id   uuid        PRIMARY KEY,
    judgement_id  bigint      NOT NULL REFERENCES judgements (id),
    released_at   timestamptz NOT NULL,
    first_reason  text        NOT NULL,
    first_detail  text        NOT NULL,
    first_key_id  text        NOT NULL
);
CREATE INDEX released_deliveries_judgement ON released_deliveries (judgement_id, delivery_id);

-- What a new key may have healed.
CREATE INDEX deliveries_rejected_key ON deliveries (key_id, id DESC) WHERE verdict = 'rejected' AND key_id <> '';

-- +goose Down
DROP INDEX deliveries_rejected_key;
DROP TABLE released_deliveries;
DROP TABLE judged_deliveries;
DROP TABLE judgements;
