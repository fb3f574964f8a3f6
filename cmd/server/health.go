package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const healthWithin = 5 * time.Second

// checkHealth asks the operations door of the running program, for container engines and scripts.
func checkHealth(ctx context.Context, raw settings, stdout io.Writer) error {
	known, err := readAddresses(raw.DataDir)
	if err != nil {
		return err
	}
	address := known.Ops
	if address == "" {
		address = raw.OpsAddr
	}
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(address)+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("OPS_ADDR is %q: want host:port: %w", address, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is this machine
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the program does not answer: %w", err)
	}
	if err := res.Body.Close(); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the program is not ready: it answers %s", res.Status)
	}
	_, err = fmt.Fprintln(stdout, "ready")
	return err
}

// reachable turns an address to listen on into one to connect to.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}

// errNotReady is what readiness answers while the program starts or stops.
var errNotReady = errors.New("starting or stopping")
