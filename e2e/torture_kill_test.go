package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// acknowledgedPerRound is how many answers of 200 are waited for before each kill.
const acknowledgedPerRound = 300

// TestTortureKill kills the server, a backend of Postgres, Postgres, and server and Postgres together with SIGKILL under load, again and again.
func TestTortureKill(t *testing.T) {
	t.Parallel()
	h := newTortured(t)
	p := h.startPrivate(t)
	begun := residentMemory(t, p)
	stop := h.sendWithoutPause(t, p)
	rounds := size(1, 10)
	restarts, most := 0, 0
	for range rounds {
		for _, kill := range []func(){
			func() { p.kill(t); restarts++ },
			func() { killProcess(t, h.backend(t)) },
			func() { killProcess(t, h.postmaster(t)); p.kill(t); restarts++ },
			func() { killProcess(t, h.postmaster(t)) }, // last: a server that is killed within a second of it tells nobody of the 503s
		} {
			h.awaitMore(t, acknowledgedPerRound)
			most = max(most, residentMemory(t, p))
			kill()
			if p.cmd.ProcessState != nil {
				p.start(t)
				h.sendTo(p.Receiver)
			}
		}
	}
	h.awaitMore(t, acknowledgedPerRound)
	acknowledged := stop()
	p.stop(t)
	wantBounded(t, begun, most)
	h.withPrivate(t, func(t *testing.T, s *store.Store) {
		h.check(t, s, acknowledged)
		absent, unexpected := h.outages(t, s, store.OutageAbsent), 0
		for _, o := range absent {
			if o.Unexpected {
				unexpected++
			}
		}
		if unexpected != restarts {
			t.Errorf("%d unexpected ends of the server are told, want %d: %+v", unexpected, restarts, absent)
		}
		if refused := h.outages(t, s, store.OutageRefused); len(refused) == 0 {
			t.Error("nothing tells that deliveries were answered 503 while Postgres was away")
		}
	})
}

// postmaster is the process id of the server's private Postgres.
func (h *tortured) postmaster(t *testing.T) int {
	t.Helper()
	var pid int
	eventually(t, time.Minute, "Postgres to run", func() error {
		files, err := filepath.Glob(filepath.Join(h.dir, "postgres", "*", "data", "postmaster.pid"))
		if err != nil || len(files) == 0 {
			return os.ErrNotExist
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			return err
		}
		line, _, _ := strings.Cut(string(text), "\n")
		pid, err = strconv.Atoi(line)
		return err
	})
	return pid
}

// backend is one of the processes in which Postgres works for the server.
func (h *tortured) backend(t *testing.T) int {
	t.Helper()
	var pid int
	eventually(t, time.Minute, "a backend", func() error {
		for _, child := range childrenOf(h.postmaster(t)) {
			title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
			if err == nil && strings.Contains(string(title), "switchboard switchboard") {
				pid = child
				return nil
			}
		}
		return os.ErrNotExist
	})
	return pid
}

func childrenOf(parent int) []int {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil // the pattern is constant
	}
	var pids []int
	for _, file := range all {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func killProcess(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
}
