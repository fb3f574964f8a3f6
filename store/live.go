package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Topic is a kind of change that live pages and caches on every replica hear of.
type Topic string

// The topics. The number that comes with one is the id named here, or zero when the listener should look at everything.
const (
	TopicNotifications Topic = "notifications" // organization: notifications were made or changed
	TopicRejected      Topic = "rejected"      // organization: deliveries were rejected
	TopicSubscriptions Topic = "subscriptions" // subscription: intent, status or endpoint changed
	TopicKeys          Topic = "keys"          // organization: a key, OAuth client or certificate was added or changed
	TopicHealth        Topic = "health"        // endpoint: a health ping was answered
)

const liveChannel = "switchboard_live"

// Change is one message of the live channel.
type Change struct {
	Topic Topic
	ID    int64
}

// notify sends when the transaction commits; equal messages of one transaction become one.
func notify(ctx context.Context, tx pgx.Tx, topic Topic, id int64) error {
	_, err := tx.Exec(ctx, "SELECT pg_notify($1, $2)", liveChannel, string(topic)+":"+strconv.FormatInt(id, 10))
	return mapError("notify "+string(topic), err)
}

// Listen calls fn for every change on any replica until ctx ends or the connection breaks; it then returns the reason. It first calls
// ready, when changes from then on are sure to arrive: what happened before, the caller reads from the tables.
func (s *Store) Listen(ctx context.Context, ready func(), fn func(Change)) error {
	// A connection of its own: one that has listened goes on listening, and a pooler would give it to others.
	raw, err := pgx.ConnectConfig(ctx, s.direct.Copy())
	if err != nil {
		return mapError("listen for changes", err)
	}
	defer func() { _ = raw.Close(context.WithoutCancel(ctx)) }()
	if _, err := raw.Exec(ctx, "LISTEN "+liveChannel); err != nil {
		return mapError("listen for changes", err)
	}
	ready()
	for {
		n, err := raw.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("wait for changes: %w", err)
		}
		topic, number, _ := strings.Cut(n.Payload, ":")
		id, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			id = 0 // a later release may send another form: look at everything
		}
		fn(Change{Topic: Topic(topic), ID: id})
	}
}
