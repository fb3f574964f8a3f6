package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	connectWithin    = 5 * time.Second
	tellWaitingEvery = 5 * time.Second

	sqlstateBadPassword = "28P01"
	sqlstateStarting    = "57P03"
)

// errOccupied says that postgres found a predecessor in its data directory.
var errOccupied = errors.New("an earlier PostgreSQL still occupies the data directory")

// waitReady returns once the server answers. A crash recovery may take its time; only the end of the child or of ctx ends the wait.
func (s *Server) waitReady(ctx context.Context, ch *child) error {
	tell := time.NewTicker(tellWaitingEvery)
	defer tell.Stop()
	retry := time.NewTicker(pollEvery)
	defer retry.Stop()
	for {
		err := s.withConn(ctx, "postgres", func(*pgx.Conn) error { return nil })
		if err == nil {
			return nil
		}
		if !comingUp(err) {
			return s.explainConnect(err)
		}
		select {
		case <-ch.done:
			return endedEarly(ch)
		case <-ctx.Done():
			return fmt.Errorf("wait for the private database to answer: %w", context.Cause(ctx))
		case <-tell.C:
			s.log.Info("waiting for the private database; after a crash it replays its log first")
		case <-retry.C:
		}
	}
}

// comingUp tells whether err is what a server answers that starts: no socket yet, nobody behind it, or its own word for it.
func comingUp(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code == sqlstateStarting
	}
	for _, cause := range []error{syscall.ENOENT, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.ErrUnexpectedEOF, io.EOF, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

func (s *Server) explainConnect(err error) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == sqlstateBadPassword {
		return fmt.Errorf("the password in %s is not that of the private database; restore the file, or remove it to have a new one made", s.layout.passwordFile())
	}
	return fmt.Errorf("the private database runs but cannot be used: %w", err)
}

func endedEarly(ch *child) error {
	out := ch.output()
	for _, sign := range []string{`lock file "postmaster.pid" already exists`, "pre-existing shared memory block"} {
		if strings.Contains(out, sign) {
			return fmt.Errorf("%w; if it has ended and nobody collects it, run with an init process (docker run --init): %s", errOccupied, ch.lastWords())
		}
	}
	return fmt.Errorf("start the private database: postgres ended at once (%s): %s; its log is %s", ch.state(), ch.lastWords(), ch.log)
}

// createDatabase makes the application's database unless it exists.
func (s *Server) createDatabase(ctx context.Context) error {
	err := s.withConn(ctx, "postgres", func(conn *pgx.Conn) error {
		var found bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&found)
		if err != nil || found {
			return err
		}
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
		return err
	})
	if err != nil {
		return fmt.Errorf("make database %s: %w", database, err)
	}
	return nil
}

func (s *Server) withConn(ctx context.Context, name string, use func(*pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url(name))
	if err != nil {
		return fmt.Errorf("connect to the private database: %w", err)
	}
	err = use(conn)
	return errors.Join(err, conn.Close(ctx))
}
