-- +goose Up
-- When a digital signature key stops verifying, whatever its signature says, and why. A replaced key gets an end after the last retry that may
-- still be signed with it (docs/decisions/0024-signature-keys-end.md).
ALTER TABLE signature_keys ADD COLUMN retired_at timestamptz, ADD COLUMN retire_reason text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE signature_keys DROP COLUMN retired_at, DROP COLUMN retire_reason;
