package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

const (
	// KeptFormLife is how long the answers of a form wait for their person.
	KeptFormLife = time.Hour
	// MaxKeptFormBytes bounds the answers of one form.
	MaxKeptFormBytes = 96 << 10
	// maxKeptForms bounds how many forms wait for one person; older ones make room.
	maxKeptForms = 5
)

// KeepForm stores what a person typed into a form, sealed, and returns the random id under which it is found. What has expired is
// removed at the same time.
func (s *Store) KeepForm(ctx context.Context, userID int64, content []byte) (string, error) {
	if len(content) > MaxKeptFormBytes {
		return "", fmt.Errorf("keep form of %d bytes: %w", len(content), ErrInvalid)
	}
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // crypto/rand.Read never fails since Go 1.24
	id, now := base64.RawURLEncoding.EncodeToString(raw), s.now()
	_, err := s.pool.Exec(ctx, `
		WITH gone AS (
			DELETE FROM kept_forms WHERE expires_at <= $4 OR id IN (
				SELECT id FROM kept_forms WHERE user_id = $2 ORDER BY created_at DESC OFFSET $6))
		INSERT INTO kept_forms (id, user_id, content, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		id, userID, s.sealer.seal(sealForms, keptFormPlace(id, userID), content), now, now.Add(KeptFormLife), maxKeptForms-1)
	return id, mapError("keep form", err)
}

// GetKeptForm returns what that person typed. ErrNotFound when it has expired or is somebody else's; ErrSealBroken.
func (s *Store) GetKeptForm(ctx context.Context, id string, userID int64) ([]byte, error) {
	var sealed []byte
	err := s.pool.QueryRow(ctx, "SELECT content FROM kept_forms WHERE id = $1 AND user_id = $2 AND expires_at > $3", id, userID, s.now()).Scan(&sealed)
	if err != nil {
		return nil, mapError("get kept form", err)
	}
	return s.sealer.open(sealForms, keptFormPlace(id, userID), sealed)
}

func keptFormPlace(id string, userID int64) string { return fmt.Sprintf("%s/%d", id, userID) }

// SealFormUser says, sealed, for whom a form was made. session is what else is in the form's token: one does not open with another's.
func (s *Store) SealFormUser(userID int64, session []byte) []byte {
	return s.sealer.seal(sealForms, formUserPlace(session), binary.BigEndian.AppendUint64(nil, uint64(userID))) //nolint:gosec // ids are positive
}

// OpenFormUser undoes SealFormUser. ErrSealBroken.
func (s *Store) OpenFormUser(sealed, session []byte) (int64, error) {
	plain, err := s.sealer.open(sealForms, formUserPlace(session), sealed)
	if err != nil {
		return 0, err
	}
	if len(plain) != 8 {
		return 0, fmt.Errorf("open user of form: %w", ErrSealBroken)
	}
	return int64(binary.BigEndian.Uint64(plain)), nil //nolint:gosec // it was an id when it was sealed
}

func formUserPlace(session []byte) string { return "user of form\x00" + string(session) }
