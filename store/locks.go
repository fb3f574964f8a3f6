package store

import (
	"context"
	"fmt"
	"time"
)

// LockOrganization claims an organization for a change that is made here and at Cybersource, so that no other such change on any replica
// comes between its steps. It does not wait: ErrConflict when somebody else has it. The caller must call unlock. The lock lives on a
// connection of its own and ends with it, so a process that dies leaves none behind.
func (s *Store) LockOrganization(ctx context.Context, organizationID int64) (unlock func(), err error) {
	doing := fmt.Sprintf("lock organization %d", organizationID)
	conn, err := s.locks.Acquire(ctx)
	if err != nil {
		return nil, mapError(doing, err)
	}
	key := fmt.Sprintf("switchboard organization %d", organizationID)
	var got bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", key).Scan(&got); err != nil {
		conn.Release()
		return nil, mapError(doing, err)
	}
	if !got {
		conn.Release()
		return nil, fmt.Errorf("%s: a change is under way: %w", doing, ErrConflict)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", key); err != nil {
			_ = conn.Hijack().Close(ctx) // what cannot be unlocked must not go back to the pool: the server unlocks when it ends
			return
		}
		conn.Release()
	}, nil
}
