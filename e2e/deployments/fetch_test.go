package deployments

import (
	"fmt"
	"io"
	"net/http"
	"testing"
)

// errStatus is an answer that was not wanted.
type errStatus int

// Error names the status.
func (e errStatus) Error() string { return fmt.Sprintf("answered %d", int(e)) }

// fetch asks once and follows nothing. A nil transport is a new one.
func fetch(t *testing.T, method, address string, transport *http.Transport) (*http.Response, error) {
	t.Helper()
	if transport == nil {
		transport = &http.Transport{}
	}
	t.Cleanup(transport.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(req)
}

// read reads an answer to its end.
func read(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if closeErr := res.Body.Close(); err != nil || closeErr != nil {
		t.Fatalf("read answer: %v, %v", err, closeErr)
	}
	return string(body)
}
