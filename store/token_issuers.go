package store

import (
	"context"
	"time"
)

// IssuerKeys is a key set of an external token issuer, as it was last fetched.
type IssuerKeys struct {
	JWKSURL   string
	JWKS      string // JSON
	FetchedAt time.Time
}

// GetIssuerKeys returns the key set last fetched from a URL, on whatever replica. ErrNotFound.
func (s *Store) GetIssuerKeys(ctx context.Context, jwksURL string) (IssuerKeys, error) {
	k := IssuerKeys{JWKSURL: jwksURL}
	err := s.pool.QueryRow(ctx, "SELECT jwks, fetched_at FROM issuer_keys WHERE jwks_url = $1", jwksURL).Scan(&k.JWKS, &k.FetchedAt)
	return k, mapError("get key set of issuer", err)
}

// SaveIssuerKeys keeps a key set, unless a newer one is kept.
func (s *Store) SaveIssuerKeys(ctx context.Context, k IssuerKeys) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO issuer_keys AS i (jwks_url, jwks, fetched_at) VALUES ($1, $2, $3)
		ON CONFLICT (jwks_url) DO UPDATE SET jwks = excluded.jwks, fetched_at = excluded.fetched_at WHERE i.fetched_at < excluded.fetched_at`, k.JWKSURL, k.JWKS, k.FetchedAt)
	return mapError("save key set of issuer", err)
}
