package sandbox_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

func TestSandboxAloneSpeaksTLSToWhoTrustsItsAuthority(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	authority, err := sandbox.OpenAuthority(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server, err := h.NewHTTPServer("127.0.0.1:0", authority)
	if err != nil {
		t.Fatal(err)
	}
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 {
		t.Error("the server has no time-outs")
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := cybs.New(cybs.Config{
		BaseURL: "https://" + listener.Addr().String() + sandboxtest.BasePath, Credentials: h.Credentials, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListProducts(t.Context(), sandboxtest.OrganizationID); err != nil {
		t.Error(err)
	}
	plain, err := h.NewHTTPServer("127.0.0.1:0", nil)
	if err != nil || plain.TLSConfig != nil {
		t.Errorf("without an authority: %v", err)
	}
}

func TestAdminAPIShowsConditionAndDocument(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var shown map[string]any
	for body, want := range map[string]string{
		`{"trouble":"slow","delay":"3s"}`:                          "delay",
		`{"trouble":"throttled","retryAfter":"7s","requests":100}`: "retryAfter",
		`{"trouble":"server-error","statusCode":504}`:              "statusCode",
	} {
		h.condition(t, body)
		shown = nil
		if status := h.admin(t, http.MethodGet, "/condition", "", &shown); status != http.StatusOK || shown[want] == nil || !strings.Contains(body, shown["trouble"].(string)) {
			t.Errorf("after %s: %d %v", body, status, shown)
		}
	}
	shown = nil
	if status := h.admin(t, http.MethodGet, "/openapi.json", "", &shown); status != http.StatusOK || shown["openapi"] != "3.0.3" {
		t.Errorf("document: %d, version %v", status, shown["openapi"])
	}
}
