package embedded

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"time"
)

// How long to wait before PostgreSQL is started once more, when starting it again failed: a full disk may have room later.
const (
	restartPause    = 250 * time.Millisecond
	maxRestartPause = 5 * time.Second
)

// watch starts PostgreSQL again when it ends without being asked to, until Stop, or until there is nothing to start any more.
func (s *Server) watch(c cluster) {
	defer close(s.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.asked:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		ended := s.running()
		<-ended.done
		if s.isAsked() {
			return
		}
		s.log.Error("private database ended unexpectedly, starting it again", "state", ended.state(), "last_words", ended.lastWords(), "log", s.layout.logFile())
		if !s.restart(ctx, c) {
			if !s.isAsked() {
				s.err = fmt.Errorf("%w (%s), and its data in %s is gone; its last words in %s: %s", ErrEnded, ended.state(), c.data, s.layout.logFile(), ended.lastWords())
			}
			return
		}
		s.log.Info("private database is ready again")
	}
}

// restart returns true once PostgreSQL answers, and false when it was asked to stop or has no data any more.
func (s *Server) restart(ctx context.Context, c cluster) bool {
	for wait := restartPause; ; wait = min(2*wait, maxRestartPause) {
		ch, err := s.launch(ctx, c)
		if err == nil {
			return s.replace(ch)
		}
		if ctx.Err() != nil || !exists(filepath.Join(c.data, "PG_VERSION")) {
			return false
		}
		s.log.Error("private database does not start, trying again", "after", wait, "err", err)
		if pause(ctx, wait) != nil {
			return false
		}
	}
}

// replace makes a child the one that Stop ends. When Stop came before, it is ended here.
func (s *Server) replace(ch *child) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isAsked() {
		ch.stop(syscall.SIGINT)
		return false
	}
	s.child = ch
	return true
}

func (s *Server) running() *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child
}

func (s *Server) isAsked() bool {
	select {
	case <-s.asked:
		return true
	default:
		return false
	}
}
