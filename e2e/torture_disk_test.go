package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/embedded"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// smallDiskVariable tells this program, started once more, to be a Postgres on a small disk of its own in that folder.
const smallDiskVariable = "TORTURE_SMALL_DISK"

const (
	smallDiskBytes = 256 << 20
	ballastName    = "ballast"
)

// TestTortureFullDisk fills the disk of Postgres under load, and makes room again: so that tables cannot grow, and so that Postgres cannot write its log
// either, dies of it, and cannot start.
func TestTortureFullDisk(t *testing.T) {
	t.Parallel()
	h := newTortured(t)
	disk := startOnSmallDisk(t)
	h.withStore(t, disk.url, h.seed)
	p := h.startWith(t, disk.url)
	begun := residentMemory(t, p)
	stop := h.sendWithoutPause(t, p)
	_, health := receiver.EndpointURLs("http://"+p.Receiver, h.token)
	for round := range size(2, 6) {
		h.awaitMore(t, acknowledgedPerRound)
		disk.fill(t)
		if round%2 == 1 {
			disk.endLog(t)
		}
		eventually(t, 2*time.Minute, "the health URL to say that nothing can be taken", func() error {
			if status := getStatus(t, health); status != http.StatusServiceUnavailable {
				return fmt.Errorf("it answers %d", status)
			}
			return nil
		})
		wait(t, size(3*time.Second, 30*time.Second))
		if status := getStatus(t, health); status != http.StatusServiceUnavailable {
			t.Errorf("the health URL answers %d while the disk is full, want 503", status)
		}
		disk.makeRoom(t)
		freed := time.Now()
		h.awaitMore(t, acknowledgedPerRound)
		t.Logf("%v after there was room again %d notifications were taken", time.Since(freed).Round(time.Millisecond), acknowledgedPerRound)
	}
	acknowledged, most := stop(), residentMemory(t, p)
	wantBounded(t, begun, most)
	h.withStore(t, disk.url, func(t *testing.T, s *store.Store) {
		eventually(t, time.Minute, "the console to tell of it", func() error {
			for _, o := range h.outages(t, s, store.OutageRefused) {
				if o.Cause == "database" && o.Deliveries > 0 && o.HealthChecks > 0 {
					return nil
				}
			}
			return errors.New("no outage of the database is told")
		})
		p.stop(t)
		h.check(t, s, acknowledged)
	})
}

// smallDisk is a Postgres on a disk that the test can fill.
type smallDisk struct {
	url string
	dir string // as this process sees it
}

// startOnSmallDisk starts this program once more, in a mount namespace of its own: root may mount there, and everybody else in a user namespace.
func startOnSmallDisk(t *testing.T) *smallDisk {
	t.Helper()
	dir, err := os.MkdirTemp("", "full-") // short: the path of a socket has little room
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), exe)
	cmd.Env = append(os.Environ(), smallDiskVariable+"="+dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		const capSysAdmin = 21
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{capSysAdmin}
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a Postgres on a small disk: %v: the kernel must let this user make a mount namespace (as root, or with user namespaces)", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(input.Close(), cmd.Wait()); err != nil { // the end of its input asks it to stop
			t.Errorf("stop the Postgres on a small disk: %v", err)
		}
		_ = os.RemoveAll(dir) // a folder left in the temporary one harms nobody
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("the Postgres on a small disk does not start: %v", err)
	}
	root := fmt.Sprintf("/proc/%d/root", cmd.Process.Pid)
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("host", root+query.Get("host"))
	u.RawQuery = query.Encode()
	return &smallDisk{url: u.String(), dir: root + dir}
}

// beSmallDisk is what the program does that startOnSmallDisk starts.
func beSmallDisk(dir string) int {
	fail := func(doing string, err error) int {
		fmt.Fprintf(os.Stderr, "%s: %v\n", doing, err)
		return 1
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fail("part from the mounts of others", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", smallDiskBytes)); err != nil {
		return fail("mount a small disk", err)
	}
	server, err := embedded.Start(context.Background(), embedded.Config{
		Dir: filepath.Join(dir, "pg"), AllowInstall: true, Log: slog.New(slog.DiscardHandler),
		Settings: map[string]string{"max_wal_size": "64MB", "min_wal_size": "32MB", "shared_buffers": "32MB"},
	})
	if err != nil {
		return fail("start Postgres", err)
	}
	fmt.Println(server.URL())
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is closed
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		return fail("stop Postgres", err)
	}
	return 0
}

// fill leaves no byte.
func (d *smallDisk) fill(t *testing.T) {
	t.Helper()
	f, err := os.Create(filepath.Join(d.dir, ballastName))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(f, &endless{smallDiskBytes})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk took %d bytes and is not full: %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// endLog has Postgres begin new files of its log until there is no room for one, which it does not survive.
func (d *smallDisk) endLog(t *testing.T) {
	t.Helper()
	eventually(t, time.Minute, "Postgres to die for want of room for its log", func() error {
		if conn, err := pgx.Connect(t.Context(), d.url); err == nil {
			// A record is needed between two switches. The last one gets no answer.
			_, _ = conn.Exec(t.Context(), "SELECT pg_logical_emit_message(false, 'torture', 'x'), pg_switch_wal()")
			_ = conn.Close(context.WithoutCancel(t.Context())) // it may be gone
		}
		log, err := os.ReadFile(filepath.Join(d.dir, "pg", "postgres.log"))
		if err != nil {
			return err
		}
		if !strings.Contains(string(log), "shutting down due to startup process failure") {
			return errors.New("it goes on")
		}
		return nil
	})
}

func (d *smallDisk) makeRoom(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(d.dir, ballastName)); err != nil {
		t.Fatal(err)
	}
}
