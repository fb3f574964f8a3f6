package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How long an orphan's fast shutdown may take before its backends are told to drop everything.
const orphanPatience = 30 * time.Second

// clearLeftovers stops what a killed predecessor left running on the data directory and removes a postmaster.pid that would
// block the start although its process is dead. The lock is held, so nobody else's server can be met here.
func (c cluster) clearLeftovers(ctx context.Context) error {
	if err := c.stopOrphans(ctx); err != nil {
		return err
	}
	pidFile := filepath.Join(c.data, "postmaster.pid")
	deadline := time.Now().Add(lockRetry)
	for {
		pid, err := readPid(pidFile)
		if err != nil || pid == 0 || !alive(pid) {
			return err // absent, or stale in a way that PostgreSQL sees itself
		}
		if !isZombie(pid) {
			if isPostgres(pid) {
				return nil // not known to be ours: PostgreSQL decides
			}
			break // the number went to another program
		}
		// The dead postmaster waits to be collected by its parent, usually within a second; PostgreSQL takes it for alive.
		if time.Now().After(deadline) {
			break
		}
		if err := pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("wait for the earlier private database: %w", err)
		}
	}
	if len(processesIn(c.data)) > 0 {
		return nil
	}
	c.log.Warn("removing the lock file of a dead PostgreSQL", "file", pidFile)
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the lock file of a dead PostgreSQL: %w", err)
	}
	return nil
}

// stopOrphans ends every process working in the data directory: the postmaster by a fast shutdown, backends without a postmaster
// by an immediate one.
func (c cluster) stopOrphans(ctx context.Context) error {
	var signalled []int
	deadline := time.Now().Add(orphanPatience)
	for {
		pids := processesIn(c.data)
		if len(pids) == 0 {
			return nil
		}
		if signalled == nil {
			c.log.Warn("stopping a PostgreSQL that a killed server left behind", "dir", c.data)
		}
		postmaster, err := readPid(filepath.Join(c.data, "postmaster.pid"))
		if err != nil {
			return err
		}
		late := time.Now().After(deadline)
		for _, pid := range pids {
			switch {
			case late && !slices.Contains(signalled, -pid):
				signalled = append(signalled, -pid)
				send(pid, syscall.SIGKILL)
			case slices.Contains(signalled, pid):
			case pid == postmaster:
				signalled = append(signalled, pid)
				send(pid, syscall.SIGINT)
			case !slices.Contains(pids, postmaster):
				signalled = append(signalled, pid)
				send(pid, syscall.SIGQUIT)
			}
		}
		if time.Now().After(deadline.Add(obeyWithin)) {
			return fmt.Errorf("a PostgreSQL that an earlier server left behind (process %d) does not stop; end it by hand", pids[0])
		}
		if err := pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("wait for the earlier private database: %w", err)
		}
	}
}

// send signals a process that may be gone by now; the caller looks again.
func send(pid int, sig syscall.Signal) { _ = syscall.Kill(pid, sig) }

// alive tells whether pid names a process, a zombie included, of whatever user.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// readPid returns the first line of a postmaster.pid, or 0 when there is none or it is not written yet.
func readPid(file string) (int, error) {
	text, err := os.ReadFile(filepath.Clean(file))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read who runs the private database: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0, nil //nolint:nilerr // PostgreSQL itself rejects a broken file with a message of its own
	}
	return pid, nil
}
