package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/switchboardhq/switchboard/store"
)

const (
	reachWithin      = 10 * time.Second
	reachAgain       = 100 * time.Millisecond
	minimumServerNum = 150000
	sessionRounds    = 3
)

// probe is one of the configured URLs while it is tried out.
type probe struct {
	direct bool
	where  string // the variable, with host and database
	config *pgx.ConnConfig
}

func newProbe(variable, url string) (probe, error) {
	parsed, err := pgxpool.ParseConfig(url) // pgx's own would send the pool's parameters to the server
	if err != nil {
		return probe{}, fmt.Errorf("%s cannot be read", variable) // the cause may quote it; loadConfig has said more
	}
	c := parsed.ConnConfig
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // leaves no prepared statement on the connection of a pooler
	return probe{direct: variable == "DATABASE_DIRECT_URL", config: c, where: fmt.Sprintf("%s (%s, database %s)", variable, net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database)}, nil
}

// warnPlain says when passwords and data may go to another machine in plain text: by sslmode=disable, or by allow and prefer, which give in.
func (p probe) warnPlain(log *slog.Logger) {
	plain := p.config.TLSConfig == nil && isRemote(p.config.Host)
	for _, f := range p.config.Fallbacks {
		plain = plain || f.TLSConfig == nil && isRemote(f.Host)
	}
	if plain {
		log.Warn("the database on another machine may be reached without TLS; sslmode=verify-full forbids it", "database", p.where)
	}
}

func isRemote(host string) bool { return !strings.HasPrefix(host, "/") && !isLoopback(host) }

// connect waits a while when the server has too many connections now.
func (p probe) connect(ctx context.Context) (*pgx.Conn, error) {
	again := time.NewTicker(reachAgain)
	defer again.Stop()
	for {
		conn, err := pgx.ConnectConfig(ctx, p.config.Copy())
		if err == nil {
			return conn, nil
		}
		failed := fmt.Errorf("%s leads to no usable database: %s", p.where, shortCause(err))
		if !store.TooManyConnections(err) {
			return nil, failed
		}
		select {
		case <-ctx.Done():
			return nil, failed
		case <-again.C:
		}
	}
}

// reach proves that the configured URLs lead to a database that will do, and says in one sentence if not. It sets the size of the pool.
func (d *database) reach(ctx context.Context, cfg Config, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	pooled, err := newProbe("DATABASE_URL", d.url)
	if err != nil {
		return err
	}
	pooled.warnPlain(log)
	if d.direct == "" {
		room, err := pooled.examine(ctx, true)
		if err != nil {
			return err
		}
		return d.fit(cfg, room, pooled.where, log)
	}
	if _, err := pooled.examine(ctx, false); err != nil {
		return err
	}
	direct, err := newProbe("DATABASE_DIRECT_URL", d.direct)
	if err != nil {
		return err
	}
	direct.warnPlain(log)
	if _, err := direct.examine(ctx, true); err != nil {
		return err
	}
	d.maxConns = cfg.DatabaseMaxConns // the pooler has its own bounds, and callers wait there
	return direct.sameAs(ctx, pooled)
}

// examine checks the server's version and, if asked for, that connections are sessions. It returns how many connections are allowed at a time.
func (p probe) examine(ctx context.Context, sessions bool) (room int32, err error) {
	conn, err := p.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var number int
	var encoding string
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), least(
			current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - coalesce(current_setting('reserved_connections', true), '0')::int,
			CASE WHEN rolsuper OR rolconnlimit < 0 THEN 1000000 ELSE rolconnlimit END, CASE WHEN rolsuper OR datconnlimit < 0 THEN 1000000 ELSE datconnlimit END)
		FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()`).Scan(&number, &encoding, &room)
	if err != nil {
		return 0, fmt.Errorf("%s leads to no usable database: %s", p.where, shortCause(err))
	}
	if number < minimumServerNum {
		return 0, fmt.Errorf("%s leads to PostgreSQL %d: want 15 or newer", p.where, number/10000)
	}
	if encoding != "UTF8" {
		return 0, fmt.Errorf("%s has the encoding %s, which cannot hold every character that notifications contain: make a database with CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8', and name that one", p.where, encoding)
	}
	if !sessions {
		return room, nil
	}
	kept, err := p.keepsSessions(ctx, conn)
	switch {
	case err != nil:
		return 0, err
	case !kept && p.direct:
		return 0, fmt.Errorf("%s leads through a pooler that keeps no sessions, such as PgBouncer in transaction mode: want the address of the database itself", p.where)
	case !kept:
		return 0, fmt.Errorf("%s leads through a pooler that keeps no sessions, such as PgBouncer in transaction mode: "+
			"set DATABASE_DIRECT_URL to the address of the database itself, for LISTEN, advisory locks and migrations, or use pool_mode = session", p.where)
	}
	return room, nil
}

// keepsSessions finds out whether each connection has a server process of its own for as long as it lasts. A pooler in transaction mode gives the
// process of one that does nothing to another that begins a transaction, and then another process to the first.
func (p probe) keepsSessions(ctx context.Context, idle *pgx.Conn) (kept bool, err error) {
	busy, err := p.connect(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, busy.Close(ctx)) }()
	for range sessionRounds {
		kept, err := p.keepsProcess(ctx, idle, busy)
		if err != nil || !kept {
			return false, err
		}
	}
	return true, nil
}

func (p probe) keepsProcess(ctx context.Context, idle, busy *pgx.Conn) (bool, error) {
	before, err := processOf(ctx, idle)
	if err != nil {
		return false, fmt.Errorf("%s: %s", p.where, shortCause(err))
	}
	tx, err := busy.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("%s allows no transactions: %s", p.where, shortCause(err))
	}
	defer func() { _ = tx.Rollback(ctx) }() // it has changed nothing
	other, err := processOf(ctx, tx)
	if err != nil {
		return false, fmt.Errorf("%s: %s", p.where, shortCause(err))
	}
	if other == before {
		return false, nil // and the first may have to wait for it
	}
	after, err := processOf(ctx, idle)
	if err != nil {
		return false, fmt.Errorf("%s: %s", p.where, shortCause(err))
	}
	return after == before, nil
}

func processOf(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
},
) (pid int, err error) {
	err = q.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid, err
}

// sameAs proves that both lead to one database: a lock taken through one is seen through the other.
func (p probe) sameAs(ctx context.Context, other probe) (err error) {
	holder, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, holder.Close(ctx)) }()
	viewer, err := other.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, viewer.Close(ctx)) }()
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	class, object := binary.BigEndian.Uint32(b[:4])>>1, binary.BigEndian.Uint32(b[4:])>>1
	if _, err := holder.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_lock(%d, %d)", class, object)); err != nil {
		return fmt.Errorf("%s: %s", p.where, shortCause(err))
	}
	var seen bool
	err = viewer.QueryRow(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
		WHERE locktype = 'advisory' AND classid = %d AND objid = %d AND datname = current_database())`, class, object)).Scan(&seen)
	if err != nil {
		return fmt.Errorf("%s: %s", other.where, shortCause(err))
	}
	if !seen {
		return fmt.Errorf("%s and %s lead to two databases: want the same one", other.where, p.where)
	}
	return nil
}

// What is needed beside the pool: three connections that listen, and those that hold locks (store.Config.MaxConns).
const (
	besideFew  = 5
	besideMany = 7
	fewConns   = 8
	leastConns = 3
	mostConns  = 1000
	usualConns = 24
)

// fit makes the pool as large as it was configured, but no larger than the server allows.
func (d *database) fit(cfg Config, room int32, where string, log *slog.Logger) error {
	want := cfg.DatabaseMaxConns
	if want == 0 {
		want = store.ConnsInURL(d.url)
	}
	asked := want != 0
	if !asked {
		want = usualConns
	}
	most := room - besideMany
	if most <= fewConns {
		most = min(room-besideFew, fewConns)
	}
	if most < leastConns {
		return fmt.Errorf("%s allows %d connections at a time: want %d or more (CONNECTION LIMIT of the role and the database, max_connections)", where, room, leastConns+besideFew)
	}
	d.maxConns = min(want, most)
	if d.maxConns < want {
		log.Info("the pool is smaller than usual, since the database allows few connections", "allowed", room, "pool", d.maxConns, "asked_for", asked)
	}
	return nil
}
