package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// door is one listener with the server behind it.
type door struct {
	name     string
	listener net.Listener
	server   *http.Server
}

// openDoor listens at once, so that a taken port is known before anything else starts.
func openDoor(ctx context.Context, name, variable, address string) (*door, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%s is %q: want a free port for the %s door, another program listens there", variable, address, name)
		}
		return nil, fmt.Errorf("%s is %q: want an address of this machine for the %s door: %w", variable, address, name, err)
	}
	return &door{name: name, listener: listener}, nil
}

// address is where the door listens, with the port that was picked.
func (d *door) address() string { return d.listener.Addr().String() }

// newServer has the time-outs of a door for known clients. The console's streams lift theirs themselves.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // strangers' broken requests
	}
}

// serve answers until the door is closed. A failure goes to failed, which must have room for one of each door.
func (d *door) serve(server *http.Server, failed chan<- error) {
	d.server = server
	go func() {
		serve := d.server.Serve
		if server.TLSConfig != nil {
			serve = func(l net.Listener) error { return d.server.ServeTLS(l, "", "") }
		}
		if err := serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("the %s door: %w", d.name, err)
		}
	}()
}

// answers proves that somebody answers at the door, whatever the answer is.
func (d *door) answers(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(d.address())+"/", http.NoBody)
	if err != nil {
		return fmt.Errorf("knock at the %s door: %w", d.name, err)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy: it is this machine
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("knock at the %s door: %w", d.name, err)
	}
	return res.Body.Close()
}

// close lets running requests end until ctx does. A door that never served only stops listening.
func (d *door) close(ctx context.Context) error {
	if d.server == nil {
		return d.listener.Close()
	}
	if err := d.server.Shutdown(ctx); err != nil {
		return fmt.Errorf("close the %s door: %w", d.name, errors.Join(err, d.server.Close()))
	}
	return nil
}
