package deployments

import (
	"bytes"
	"context"
	"encoding/base64"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	adminEmail    = "ann@example.com"
	adminPassword = "correct horse battery staple"
	patience      = 60 * time.Second
)

// program is a running server. Its addresses are chosen before it starts, since the configuration of a proxy names them.
type program struct {
	*process
	console, receiver, sandbox, ops string
}

// process is a child with its output.
type process struct {
	cmd    *exec.Cmd
	output *lockedBuffer
	exited chan struct{}
}

// startServer starts the program with the environment given, in the sandbox, and stops it when the test ends.
func startServer(t *testing.T, env ...string) *program {
	t.Helper()
	p := newServer(t)
	p.start(t, env...)
	return p
}

func newServer(t *testing.T) *program {
	t.Helper()
	return &program{console: freeAddress(t), receiver: freeAddress(t), sandbox: freeAddress(t), ops: freeAddress(t)}
}

func (p *program) start(t *testing.T, env ...string) {
	t.Helper()
	dir := t.TempDir()
	p.process = startProcess(t, nil, p.env(dir, env), binary)
	p.waitFor(t, "the server", func() error {
		_, err := os.Stat(filepath.Join(dir, "addresses.json"))
		return err
	})
}

func (p *program) env(dir string, more []string) []string {
	return append([]string{
		"DATA_DIR=" + dir, "CONSOLE_ADDR=" + p.console, "RECEIVER_ADDR=" + p.receiver, "SANDBOX_ADDR=" + p.sandbox, "OPS_ADDR=" + p.ops,
		"ADMIN_EMAIL=" + adminEmail, "ADMIN_PASSWORD=" + adminPassword, "ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	}, more...)
}

// refusal runs the program, which must end by itself, and returns what it said.
func refusal(t *testing.T, env ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), newServer(t).env(t.TempDir(), env)...)
	said, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Fatalf("the server did not refuse (%v): %s", err, said)
	}
	return string(said)
}

// startProcess runs a program until the test ends. credential is whom to run it as, nil for ourselves.
func startProcess(t *testing.T, credential *syscall.Credential, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{output: &lockedBuffer{}, exited: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v; scripts/need installs it", name, err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // how it ended is told by ProcessState
	}()
	t.Cleanup(func() { p.stop(t) })
	return p
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // one that has ended needs none
	select {
	case <-p.exited:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill() // reported below
		t.Errorf("%s still runs %v after SIGTERM:\n%s", p.cmd.Path, patience, p.output)
	}
	if t.Failed() {
		t.Logf("%s said:\n%s", p.cmd.Path, p.output)
	}
}

// waitFor calls check until it returns nil. It fails the test when the process ends, or after a long time.
func (p *process) waitFor(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-pause.C:
		case <-p.exited:
			t.Fatalf("%s ended while it was waited for %s:\n%s", p.cmd.Path, what, p.output)
		case <-deadline.C:
			t.Fatalf("waited %v for %s: %v\n%s", patience, what, err, p.output)
		}
	}
}

// listening waits until somebody listens at an address.
func (p *process) listening(t *testing.T, address string) {
	t.Helper()
	p.waitFor(t, address, func() error {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// freeAddress is one of this machine where nobody listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it was only asked for a port
	return l.Addr().String()
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return port
}

// configuration writes a file of docs/deploying with the addresses and paths of this test into dir. Each of the texts must be there.
func configuration(t *testing.T, dir, file string, replace ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "deploying", file))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !bytes.Contains(content, []byte(replace[i])) {
			t.Fatalf("%s does not contain %q", file, replace[i])
		}
	}
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, []byte(strings.NewReplacer(replace...).Replace(string(content))), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
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
