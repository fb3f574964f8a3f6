package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// boundedMiB is what the server may hold more than after its start, whatever is done to it: 64 MiB of bodies and 4,096 connections live at a time, and the
// garbage of a process that is told to stay below receiver.MemoryLimit.
const boundedMiB = 256

// residentMemory is what a server holds, in MiB.
func residentMemory(t *testing.T, p *program) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatal("the kernel does not tell how much memory a process holds")
	return 0
}

func wantBounded(t *testing.T, begun, most int) {
	t.Helper()
	t.Logf("the server held %d MiB at first and %d MiB at most", begun, most)
	if most > begun+boundedMiB {
		t.Errorf("the server held %d MiB at first and %d MiB at most, want at most %d MiB more", begun, most, boundedMiB)
	}
}
