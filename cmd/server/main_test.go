package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestMain(m *testing.M) {
	code := storetest.Run(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const patience = 60 * time.Second

// env is an environment of a test: nothing else of the process's is seen.
type env map[string]string

func (e env) get(name string) string { return e[name] }

// testEnv is the least that makes programs of parallel tests live side by side.
func testEnv(t *testing.T, more env) env {
	t.Helper()
	e := env{
		"DATA_DIR": filepath.Join(t.TempDir(), "data"), "CONSOLE_ADDR": "127.0.0.1:0", "RECEIVER_ADDR": "127.0.0.1:0",
		"SANDBOX_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "LOG_LEVEL": "error",
	}
	for name, value := range more {
		e[name] = value
	}
	return e
}

// program is a running program in this process.
type program struct {
	addresses
	env    env
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // once ended is closed
	out    *output
}

// startRun begins a program and does not wait for it.
func startRun(t *testing.T, e env, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{env: e, cancel: cancel, ended: make(chan struct{}), out: &output{}}
	go func() {
		defer close(p.ended)
		p.err = run(ctx, args, e.get, p.out)
	}()
	t.Cleanup(func() { _ = p.stop(t) }) // tests that care look at it themselves
	return p
}

// startProgram begins a program and returns once its doors answer.
func startProgram(t *testing.T, e env) *program {
	t.Helper()
	p := startRun(t, e)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		select {
		case <-tick.C:
			if content, err := os.ReadFile(filepath.Join(e["DATA_DIR"], addressesFileName)); err == nil {
				if err := json.Unmarshal(content, &p.addresses); err != nil {
					t.Fatal(err)
				}
				return p
			}
		case <-p.ended:
			t.Fatalf("the program ended with %v", p.err)
		case <-deadline:
			t.Fatalf("the program is not ready after %s", patience)
		}
	}
}

// stop ends the program and returns its error.
func (p *program) stop(t *testing.T) error {
	t.Helper()
	p.cancel()
	return p.wait(t)
}

func (p *program) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		t.Errorf("the program still runs after %s", patience)
		return nil
	}
}

// failsWith runs a program that cannot start and returns its sentence.
func failsWith(t *testing.T, e env, args ...string) string {
	t.Helper()
	p := startRun(t, e, args...)
	err := p.wait(t)
	if err == nil {
		t.Fatal("the program ended well, want an error")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines, want one sentence: %v", err)
	}
	return err.Error()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// output collects what a program prints while a test reads it.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// until waits for a text in what the program prints.
func (o *output) until(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !strings.Contains(o.String(), text) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q was not printed:\n%s", text, o)
		}
	}
}
