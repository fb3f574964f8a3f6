package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	adminEmail    = "ann@example.com"
	adminPassword = "correct horse battery staple"
)

// addresses is the file that the server writes once all its doors answer (design.md section 2).
type addresses struct {
	Console  string `json:"console"`
	Receiver string `json:"receiver"`
	Sandbox  string `json:"sandbox"`
	Ops      string `json:"ops"`
}

// program is a running server with a data folder of its own.
type program struct {
	addresses
	dir    string
	env    []string
	cmd    *exec.Cmd
	output *lockedBuffer
	exited chan struct{}
}

// newProgram prepares a server whose private database and keys live in dir. Ports are free ones.
func newProgram(tb testing.TB, dir string, env ...string) *program {
	tb.Helper()
	return &program{dir: dir, env: append([]string{
		"DATA_DIR=" + dir,
		"CONSOLE_ADDR=127.0.0.1:0", "RECEIVER_ADDR=127.0.0.1:0", "SANDBOX_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0",
		"ADMIN_EMAIL=" + adminEmail, "ADMIN_PASSWORD=" + adminPassword,
	}, env...)}
}

// startProgram starts a server in a new folder and stops it when the test ends.
func startProgram(tb testing.TB, env ...string) *program {
	tb.Helper()
	p := newProgram(tb, tb.TempDir(), env...)
	p.start(tb)
	tb.Cleanup(func() { p.stop(tb) })
	return p
}

func (p *program) start(tb testing.TB) {
	tb.Helper()
	p.output = &lockedBuffer{}
	// Not bound to a context: the tests decide how it ends.
	p.cmd = exec.CommandContext(context.WithoutCancel(tb.Context()), binary)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	file := filepath.Join(p.dir, "addresses.json")
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start server: %v", err)
	}
	p.exited = make(chan struct{})
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // how it ended is told by ProcessState
	}()
	eventually(tb, 60*time.Second, "the server to answer on all doors", func() error {
		select {
		case <-p.exited:
			tb.Fatalf("server ended with %v:\n%s", p.cmd.ProcessState, p.output)
		default:
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("after %d bytes of output: %w", len(p.output.String()), err)
		}
		return json.Unmarshal(content, &p.addresses)
	})
}

// stop asks the server to end and fails the test when it does not do so cleanly.
func (p *program) stop(tb testing.TB) {
	tb.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		tb.Errorf("stop server: %v", err)
		return
	}
	select {
	case <-p.exited:
	case <-time.After(2 * time.Minute): // 30 s are what it takes itself
		tb.Errorf("server still runs two minutes after SIGTERM:\n%s", p.output)
		p.kill(tb)
		return
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		tb.Errorf("server ended with code %d after SIGTERM:\n%s", code, p.output)
	}
}

// kill ends the server as a crash would.
func (p *program) kill(tb testing.TB) {
	tb.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		tb.Fatalf("kill server: %v", err)
	}
	<-p.exited
}

// eventually calls check until it returns nil, and fails the test with its last error when that has said the same for limit: another
// error is progress.
func eventually(tb testing.TB, limit time.Duration, what string, check func() error) {
	tb.Helper()
	var p patience
	ctx, cancel := p.wait(context.WithoutCancel(tb.Context()), limit)
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	said := ""
	for {
		err := check()
		if err == nil {
			return
		}
		if err.Error() != said {
			said = err.Error()
			p.progress()
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			tb.Fatalf("waited for %s: %v: %v", what, context.Cause(ctx), err)
		}
	}
}

// lockedBuffer collects the output of a process while tests read it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

var _ fmt.Stringer = (*lockedBuffer)(nil)
