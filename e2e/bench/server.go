package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

const (
	// childCommand starts this program as the receiver that is measured.
	childCommand = "serve"
	stopWithin   = time.Minute

	databaseVariable  = "BENCH_DATABASE_URL"
	sealingVariable   = "BENCH_SEALING_KEY"
	ungroupedVariable = "BENCH_UNGROUPED"
)

// serveChild is the receiver as cmd/server opens it, until ctx ends. It prints its address.
func serveChild(ctx context.Context, getenv func(string) string, out io.Writer) (err error) {
	sealer, err := newSealer(getenv(sealingVariable))
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{URL: getenv(databaseVariable), Sealer: sealer})
	if err != nil {
		return err
	}
	defer s.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if getenv("GOGC") == "" {
		debug.SetGCPercent(receiver.GCPercent)
	}
	r, err := receiver.New(receiver.Config{Store: s, Log: log, Ungrouped: getenv(ungroupedVariable) != ""})
	if err != nil {
		return err
	}
	if err := r.Start(ctx); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := receiver.NewHTTPServer(r.Handler(), log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if _, err := fmt.Fprintln(out, listener.Addr()); err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	return errors.Join(r.Stop(stopCtx), server.Shutdown(stopCtx))
}

func newSealer(key string) (*store.Sealer, error) {
	master, err := store.ParseSealingKey(key)
	if err != nil {
		return nil, fmt.Errorf("read the sealing key: %w", err)
	}
	sealer, err := store.NewSealer(master)
	if err != nil {
		return nil, fmt.Errorf("make the sealer: %w", err)
	}
	return sealer, nil
}

// child is a running receiver.
type child struct {
	cmd     *exec.Cmd
	address string
}

func (b *bench) startChild(ctx context.Context, ungrouped bool) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, childCommand) //nolint:gosec // this program
	cmd.Env = append(os.Environ(), databaseVariable+"="+b.databaseURL, sealingVariable+"="+b.sealingKey)
	if ungrouped {
		cmd.Env = append(cmd.Env, ungroupedVariable+"=1")
	}
	cmd.Stderr = os.Stderr
	// What stops this program must not stop the receiver before it was asked to.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	c := &child{cmd: cmd}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for the receiver's address: %w", err), c.stop())
	}
	c.address = strings.TrimSpace(line)
	return c, nil
}

// stop asks the receiver to end and waits for it.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the receiver: %w", err)
	}
	timer := time.AfterFunc(stopWithin, func() { _ = c.cmd.Process.Kill() }) // it may have ended by itself
	defer timer.Stop()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("stop the receiver: %w", err)
	}
	return nil
}

// warmUp is how long a receiver is loaded before it is measured.
const warmUp = 1500 * time.Millisecond

var errNotAnswered = errors.New("not answered as expected")

// head is the request line and the headers of a delivery, but for the signature.
func (b *bench) head(address string) string {
	webhook, _ := receiver.EndpointURLs("", b.token)
	return http.MethodPost + " " + webhook + " HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\nUser-Agent: Switchboard-bench\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n", bodyBytes)
}
