package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ticksPerSecond is USER_HZ, in which Linux tells processor time on every architecture Go runs on.
const ticksPerSecond = 100

// procStat is what /proc/<pid>/stat tells.
type procStat struct {
	parent        int
	own, children time.Duration // processor time; children: of those that ended
}

func parseStat(text []byte) (procStat, error) {
	// The second field is a name in brackets that may hold anything.
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return procStat{}, fmt.Errorf("read processor time: no name in %q", text)
	}
	fields := strings.Fields(string(text[end+1:]))
	const parent, userTime, systemTime, childUserTime, childSystemTime = 1, 11, 12, 13, 14
	if len(fields) <= childSystemTime {
		return procStat{}, fmt.Errorf("read processor time: %d fields in %q", len(fields), text)
	}
	var numbers [childSystemTime + 1]int
	for _, i := range []int{parent, userTime, systemTime, childUserTime, childSystemTime} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return procStat{}, fmt.Errorf("read processor time: %w", err)
		}
		numbers[i] = n
	}
	ticks := func(n int) time.Duration { return time.Duration(n) * time.Second / ticksPerSecond }
	return procStat{parent: numbers[parent], own: ticks(numbers[userTime] + numbers[systemTime]), children: ticks(numbers[childUserTime] + numbers[childSystemTime])}, nil
}

func statOf(pid int) (procStat, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return procStat{}, fmt.Errorf("read processor time: %w", err)
	}
	return parseStat(text)
}

// treeTime is the processor time of a process and of all its children, living and ended.
func treeTime(pid int) (time.Duration, error) {
	root, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	sum := root.own + root.children
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	for _, dir := range all {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if s, err := statOf(child); err == nil && s.parent == pid { // one that ends meanwhile is in the sum of the next look
			sum += s.own + s.children
		}
	}
	return sum, nil
}

// machineTime is the processor time that all processes of the machine used.
func machineTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read the machine's processor time: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var sum time.Duration
	for i, field := range strings.Fields(line) {
		const idle, waiting, last = 4, 5, 8 // of: cpu user nice system idle iowait irq softirq steal guest
		if i == 0 || i == idle || i == waiting || i > last {
			continue
		}
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the machine's processor time: %w", err)
		}
		sum += time.Duration(n) * time.Second / ticksPerSecond
	}
	return sum, nil
}

// memory returns a line of /proc/<pid>/status in MiB: VmRSS is what is resident, VmHWM the most that ever was.
func memory(pid int, line string) (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	_, rest, found := strings.Cut(string(text), line+":")
	if !found {
		return 0, fmt.Errorf("read memory: no %s", line)
	}
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return float64(kilobytes) / 1024, nil
}

// postmaster is the process id of the database server.
func postmaster(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	var backend int
	if err := pool.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return 0, fmt.Errorf("ask for the database's process: %w", err)
	}
	s, err := statOf(backend)
	return s.parent, err
}
