package receiver

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// A token of ours is opaque to everybody else: version, the client's row, the second in which it ends, random bytes, and the HMAC-SHA256 of
// these. Every replica can judge it without asking the database (docs/decisions/0014-our-own-token-server.md).
const (
	tokenVersion  = 1
	tokenClaimed  = 1 + 8 + 8 + 8
	tokenBytes    = tokenClaimed + sha256.Size
	tokenTextSize = 76 // of tokenBytes in base64
)

var (
	errTokenForm  = errors.New("it is none of this server's tokens")
	errTokenForge = errors.New("this server has not signed it")
)

// ownToken is what a token says.
type ownToken struct {
	clientID int64
	expires  time.Time
}

// tokenSigner makes and reads our tokens. The first key signs; the others are those of former encryption keys.
type tokenSigner struct{ keys []store.Secret }

func (s tokenSigner) sign(t ownToken) string {
	b := make([]byte, tokenClaimed, tokenBytes)
	b[0] = tokenVersion
	binary.BigEndian.PutUint64(b[1:], uint64(t.clientID))       //nolint:gosec // G115: read gives it back bit by bit
	binary.BigEndian.PutUint64(b[9:], uint64(t.expires.Unix())) //nolint:gosec // G115: as above
	_, _ = rand.Read(b[17:])                                    // crypto/rand.Read never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(append(b, s.mac(s.keys[0], b)...))
}

func (s tokenSigner) mac(key store.Secret, claimed []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(claimed)
	return m.Sum(nil)
}

// read returns what a token says once it is known to be ours. Its end is not judged.
func (s tokenSigner) read(text string) (ownToken, error) {
	if len(text) != tokenTextSize {
		return ownToken{}, errTokenForm
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != tokenBytes || b[0] != tokenVersion {
		return ownToken{}, errTokenForm
	}
	for _, key := range s.keys {
		if hmac.Equal(s.mac(key, b[:tokenClaimed]), b[tokenClaimed:]) {
			return ownToken{
				clientID: int64(binary.BigEndian.Uint64(b[1:])),                     //nolint:gosec // G115: as sign wrote it
				expires:  time.Unix(int64(binary.BigEndian.Uint64(b[9:])), 0).UTC(), //nolint:gosec // G115: as above
			}, nil
		}
	}
	return ownToken{}, errTokenForge
}

// judgeOwnToken checks a token of our own token server for an endpoint.
func (r *Receiver) judgeOwnToken(ctx context.Context, text string, e *endpoint, now time.Time) (rejection, error) {
	t, err := r.signer.read(text)
	switch {
	case err != nil:
		return rejection{ReasonTokenInvalid, fmt.Sprintf("The bearer token was not accepted: %v. Expected is one that POST %s of this receiver has issued.", err, tokenPath)}, nil
	case !now.Before(t.expires):
		return rejection{ReasonTokenExpired, fmt.Sprintf("The bearer token ended at %s, and the delivery arrived at %s. Tokens are good for %s.", instant(t.expires), instant(now), store.TokenLife)}, nil
	}
	client, err := r.endpoints.client(ctx, t.clientID)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !client.Living(now):
		return rejection{ReasonTokenRevoked, fmt.Sprintf("The bearer token is this server's and would be good until %s, but its client has been retired.", instant(t.expires))}, nil
	case err != nil:
		return rejection{}, fmt.Errorf("look for the client of a token: %w", err)
	case client.OrganizationID != e.OrganizationID:
		return rejection{ReasonTokenForeign, fmt.Sprintf("The bearer token was issued to client %s, which belongs to another organization than %s.", client.ClientID, e.Organization)}, nil
	case client.SubscriptionID != 0 && client.SubscriptionID != e.SubscriptionID:
		return rejection{ReasonTokenForeign, fmt.Sprintf("The bearer token was issued to client %s, which is for another subscription of %s.", client.ClientID, e.Organization)}, nil
	}
	return rejection{}, nil
}
