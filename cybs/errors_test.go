package cybs

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

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
			got := newAPIError("GET", "/x", &http.Response{StatusCode: tc.status, Header: http.Header{}}, []byte(tc.body), vectorNow())
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
	e := newAPIError("GET", "/x", &http.Response{StatusCode: 400, Header: http.Header{}}, []byte(body), vectorNow())
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
