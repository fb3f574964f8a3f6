//go:build unix && !linux

package embedded

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// namespaces says that this system has no user namespaces.
const namespaces = false

// sysProcAttr keeps the terminal's Ctrl-C away from the child and drops root. There is no death signal here: an orphan is
// stopped by the next start.
func (a account) sysProcAttr(syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if !a.self {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // ids come from the passwd file
	}
	return attr
}

// processesIn returns the postmaster named by the directory's postmaster.pid if it lives, is a postgres and names this very
// directory.
func processesIn(dir string) []int {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 2 || lines[1] != dir {
		return nil
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return nil
	}
	name, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output() //nolint:noctx,gosec // a moment; a number
	if err != nil || filepath.Base(strings.TrimSpace(string(name))) != "postgres" {
		return nil
	}
	return []int{pid}
}

// isZombie tells whether pid has ended and waits to be collected by its parent.
func isZombie(pid int) bool {
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output() //nolint:noctx,gosec // a moment; a number
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

// isPostgres tells whether pid runs a program of that name.
func isPostgres(pid int) bool {
	name, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output() //nolint:noctx,gosec // a moment; a number
	return err == nil && filepath.Base(strings.TrimSpace(string(name))) == "postgres"
}
