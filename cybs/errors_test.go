package cybs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestAPIErrorReadsEveryShape has the bodies of the reference's section 5.9.
func TestAPIErrorReadsEveryShape(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   APIError
	}{
		{
			"subscription calls", 404, `{"reason":"NOT_FOUND","message":"No such webhook","details":[{"field":"webhookId","reason":"UNKNOWN"}],"statusCode":404}`,
			APIError{Reason: "NOT_FOUND", Message: "No such webhook", Details: []FieldError{{"webhookId", "UNKNOWN"}}},
		},
		{
			"general model", 400, `{"submitTimeUtc":"2026-01-01T00:00:00Z","status":"INVALID_REQUEST","reason":"INVALID_DATA","message":"Bad","details":[{"field":"products[0].productId","reason":"MISSING_FIELD"}]}`,
			APIError{Status: "INVALID_REQUEST", Reason: "INVALID_DATA", Message: "Bad", Details: []FieldError{{"products[0].productId", "MISSING_FIELD"}}},
		},
		{"status as a number", 400, `{"status":400,"reason":"X","message":"Y"}`, APIError{Status: "400", Reason: "X", Message: "Y"}},
		{"gateway", 401, `{"response":{"rmsg":"Authentication Failed"}}`, APIError{Message: "Authentication Failed"}},
		{"unavailable service", 503, `{"errors":[{"type":"SERVICE","message":"Not available"}]}`, APIError{Reason: "SERVICE", Message: "Not available"}},
		{
			"server error", 502, `{"submitTimeUtc":"x","status":"SERVER_ERROR","reason":"SYSTEM_ERROR","message":"Oops"}`,
			APIError{Status: "SERVER_ERROR", Reason: "SYSTEM_ERROR", Message: "Oops"},
		},
		{
			"key service", 400, `{"keyInformation":{"message":"Key bad","errorInformation":{"reason":"MISSING_FIELD","details":[{"field":"tenant","reason":"MISSING"}]}}}`,
			APIError{Reason: "MISSING_FIELD", Message: "Key bad", Details: []FieldError{{"tenant", "MISSING"}}},
		},
		{"a member of an unheard-of type", 400, `{"status":{"a":1},"message":"Readable"}`, APIError{Message: "Readable"}},
		{"empty", 500, ``, APIError{Message: "Internal Server Error"}},
		{"page of a proxy", 502, `<html>secret</html>`, APIError{Message: "Bad Gateway", foreign: true}},
		{"array", 400, `[]`, APIError{Message: "Bad Request"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := newAPIError(call{method: "GET", path: "/x"}, &http.Response{StatusCode: tc.status, Header: http.Header{}}, []byte(tc.body), vectorNow())
			tc.want.Method, tc.want.Path, tc.want.StatusCode = "GET", "/x", tc.status
			if diff := cmp.Diff(tc.want, *got, cmp.AllowUnexported(APIError{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPIErrorIsBoundedAndRedacted(t *testing.T) {
	t.Parallel()
	body := `{"status":"` + strings.Repeat("s", 39) + ` ` + strings.Repeat("long ", 1000) + `","message":"card 4111 1111 1111 1111 and ` + testSecretText +
		` and eyJhbGciOiJIUzI1NiIsImtpZCI6ImtleS1zZXJpYWwtMSJ9.eyJ4IjoxfQ.c2ln\u0000 ` + strings.Repeat("ü", 5000) +
		`","details":[` + strings.TrimSuffix(strings.Repeat(`{"field":"4111111111111111","reason":"x"},`, 200), ",") + `]}`
	e := newAPIError(call{method: "GET", path: "/x"}, &http.Response{StatusCode: 400, Header: http.Header{}}, []byte(body), vectorNow())
	text := e.Error()
	if len(text) > 6000 || len(e.Details) != maxErrorDetails {
		t.Errorf("got %d bytes, %d details", len(text), len(e.Details))
	}
	for _, needle := range []string{"4111", testSecretText, "eyJ4IjoxfQ", "c2ln", "\x00"} {
		if strings.Contains(text, needle) {
			t.Errorf("%q shows in %q", needle, text)
		}
	}
	if !strings.Contains(text, redacted) {
		t.Errorf("got %q, want it to say that something was taken out", text)
	}
}

func TestAPIErrorSaysWhatHappened(t *testing.T) {
	t.Parallel()
	e := &APIError{
		Method: "POST", Path: "/p", StatusCode: 400, Status: "INVALID_REQUEST", Reason: "INVALID_DATA", Message: "Bad",
		CorrelationID: "c1", Details: []FieldError{{"a", "MISSING"}, {"b", "ODD"}},
	}
	want := "POST /p: 400 INVALID_REQUEST INVALID_DATA: Bad; a MISSING; b ODD [correlation id c1]"
	if got := e.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPIErrorIsWhatItMeans(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  APIError
		want []error
	}{
		{APIError{StatusCode: 404}, []error{ErrNotFound}},
		{APIError{StatusCode: 401}, []error{ErrUnauthorized}},
		{APIError{StatusCode: 400, Message: "Error: Record already exists for product"}, []error{ErrAlreadyExists}},
		{APIError{StatusCode: 409}, []error{ErrAlreadyExists}},
		{APIError{StatusCode: 400, Message: "Bad"}, nil},
	} {
		var got []error
		for _, target := range []error{ErrNotFound, ErrUnauthorized, ErrAlreadyExists} {
			if errors.Is(&tc.err, target) {
				got = append(got, target)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%v: got %v, want %v", &tc.err, got, tc.want)
		}
	}
}

// TestErrorsRepeatNoSecret has a server that echoes all it got, as some do in their errors.
func TestErrorsRepeatNoSecret(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"hunter2", `hun"ter\2`, "<hunter&2>", "4111"} {
		for _, scheme := range []Scheme{HTTPSignature, JWTSharedSecret} {
			c, _ := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Errorf("read: %v", err)
				}
				echo, err := json.Marshal(map[string]any{
					"message": "bad: " + string(body), "reason": r.Header.Get("Authorization"),
					"details": []any{map[string]any{"field": "key", "reason": "is " + secret}, map[string]any{"field": r.Header.Get("Signature")}},
				})
				if err != nil {
					t.Errorf("encode: %v", err)
				}
				answer(http.StatusBadRequest, string(echo))(w, r)
			}, func(cfg *Config) { cfg.Credentials.Scheme = scheme })
			_, err := c.StoreOAuthCredentials(t.Context(), "my_org", OAuthCredentials{"c", Secret(secret)}, KeyOptions{})
			var api *APIError
			if !errors.As(err, &api) {
				t.Fatalf("got %v, want an *APIError", err)
			}
			for _, needle := range []string{secret, strings.Trim(strconv.Quote(secret), `"`), "eyJ", testSecretText} {
				if strings.Contains(err.Error(), needle) {
					t.Errorf("%s: %q shows in %v", scheme, needle, err)
				}
			}
			if scheme == HTTPSignature && regexp.MustCompile(`signature="[A-Za-z0-9+/]{20}`).MatchString(err.Error()) {
				t.Errorf("the signature shows in %v", err)
			}
		}
	}
}

func TestTimeLimitIsNoAPIError(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c, waits := newTestClient(t, func(http.ResponseWriter, *http.Request) { <-release }, func(cfg *Config) {
		limited := *cfg.HTTPClient
		limited.Timeout = 20 * time.Millisecond
		cfg.HTTPClient = &limited
	})
	defer close(release)
	_, err := c.GetSubscription(t.Context(), "w")
	var api *APIError
	var timeout interface{ Timeout() bool }
	if errors.As(err, &api) || !errors.As(err, &timeout) || !timeout.Timeout() || len(waits.waited) != defaultMaxAttempts-1 {
		t.Errorf("got %v after %d pauses, want a time-out after all attempts", err, len(waits.waited))
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := c.GetSubscription(ctx, "w"); !errors.Is(err, context.DeadlineExceeded) || len(waits.waited) != defaultMaxAttempts-1 {
		t.Errorf("got %v, want the context's error and no more attempts", err)
	}
}
