package cybs

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// newRequest builds and signs a request; what is signed is read back from the request that will be sent.
func (c *Client) newRequest(ctx context.Context, op call, body []byte) (*http.Request, error) {
	target := strings.TrimRight(c.base.String(), "/") + op.path
	if op.query != "" {
		target += "?" + op.query
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, op.method, target, reader)
	if err != nil {
		return nil, fmt.Errorf("%s %s: new request: %w", op.method, op.path, err)
	}
	for name, values := range op.header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", acceptJSON)
	if op.accept != "" {
		req.Header.Set("Accept", op.accept)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json;charset=utf-8")
	}
	req.Header.Set("User-Agent", c.userAgent)
	if err := c.auth.authenticate(req, body, c.signedHost, c.now()); err != nil {
		return nil, fmt.Errorf("%s %s: sign: %w", op.method, op.path, err)
	}
	return req, nil
}

// readBounded reads a whole answer.
func readBounded(body io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, maxResponseBytes+1))
	if err == nil && len(b) > maxResponseBytes {
		return nil, ErrResponseTooLarge
	}
	return b, err
}

// transportCause takes the URL off an error of net/http: method and path are named already, and the query stays out.
func transportCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// segment escapes one segment of a path. Empty and dotted ones would name another resource, so they are refused.
func segment(name, value string) (string, error) {
	if value == "" || value == "." || value == ".." {
		return "", fmt.Errorf("%w: %s is %q", ErrInvalidArgument, name, value)
	}
	return escape(value), nil
}

// escape percent-encodes all but the unreserved characters, in paths and queries alike, as the official SDK does.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// newUUID returns a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
