package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// namespaces says that this system has user namespaces.
const namespaces = true

// sysProcAttr keeps the terminal's Ctrl-C away from the child (the server drains first), has the kernel send death when this
// process ends, and drops root.
func (a account) sysProcAttr(death syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
	if a.self {
		return attr
	}
	attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // ids come from the passwd file
	if a.namespace {
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: a.uid, HostID: 0, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: a.gid, HostID: 0, Size: 1}}
		attr.Credential.NoSetGroups = true
	}
	return attr
}

// processesIn returns the living processes whose working directory is dir, which for PostgreSQL is its data directory. Zombies
// have none. What cannot be read belongs to others.
func processesIn(dir string) []int {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil // the pattern is constant
	}
	var pids []int
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == dir {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// isZombie tells whether pid has ended and waits to be collected by its parent.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	text := string(stat)
	after := text[strings.LastIndexByte(text, ')')+1:] // the name before it may contain anything
	fields := strings.Fields(after)
	return len(fields) > 0 && fields[0] == "Z"
}

// isPostgres tells whether pid runs a program of that name.
func isPostgres(pid int) bool {
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	return err == nil && strings.TrimSpace(string(name)) == "postgres"
}
