package store

import "context"

// SchemaVersion is the number of the last migration that was applied to the database.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) {
	var version int64
	err := s.pool.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version)
	return version, mapError("read schema version", err)
}
