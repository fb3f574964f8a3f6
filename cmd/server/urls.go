package main

import (
	"net"
	"net/url"
	"strings"

	"github.com/switchboardhq/switchboard/cybs"
)

// consoleURL is the console as browsers see it.
func (a *app) consoleURL() string { return publicURL(a.cfg.ConsoleURL, a.consoleDoor) }

// receiverURL is the receiver as Cybersource sees it.
func (a *app) receiverURL() string {
	local := publicURL(a.cfg.ReceiverURL, a.receiverDoor)
	if a.cfg.ReceiverURL == "" && a.cfg.ReceiverTLS.Certificate != "" {
		return "https" + strings.TrimPrefix(local, "http")
	}
	return local
}

func publicURL(configured string, d *door) string {
	if configured != "" {
		return configured
	}
	return localURL(d)
}

// pathOf is the path of a base URL, without a slash at its end.
func pathOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}

// localURL is a door as this machine sees it.
func localURL(d *door) string {
	host, port, err := net.SplitHostPort(d.address())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return "http://localhost:" + port
	}
	return "http://" + d.address()
}

// cybsURL is Cybersource's API for an environment.
func (a *app) cybsURL(environment string) string {
	switch {
	case environment == a.cfg.Environment && a.cfg.CybsBaseURL != "":
		return a.cfg.CybsBaseURL
	case environment != sandboxEnvironment:
		return cybs.Environment(environment).BaseURL()
	case a.sandboxDoor != nil:
		return localURL(a.sandboxDoor)
	}
	return "" // an organization of the sandbox, looked at without one: the client refuses an empty URL
}
