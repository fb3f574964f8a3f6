package cybs

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestSignatureKeyIsReadInEveryShape(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, body string }{
		{
			"the guide's answer",
			`{"submitTimeUtc":"2026-01-01T00:00:00Z","status":"SUCCESS","keyInformation":{"provider":"nrtd","tenant":"my_org","organizationId":"my_org","keyId":"k","key":"` + testSecretText + `","keyType":"sharedSecret","status":"active","expirationDate":"2027-01-01T00:00:00Z"}}`,
		},
		{
			"the specification's, with times of 2021",
			`{"submitTimeUtc":"2026-01-01T00:00:00+0000","status":"ACCEPTED","keyInformation":{"provider":"NRTD","keyId":"k","key":"` + testSecretText + `","status":"Active","expirationDate":"2027-01-01T00:00:00+0000"}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, _ := newTestClient(t, answer(http.StatusCreated, tc.body))
			key, err := c.CreateSignatureKey(t.Context(), "my_org", SignatureKeyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if key.KeyID != "k" || key.Key.Base64() != testSecretText || len(key.Key) != 32 || key.OrganizationID != "my_org" ||
				!strings.EqualFold(key.Status, "active") || !key.ExpiresAt.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) ||
				!key.CreatedAt.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
				t.Errorf("got %v, expires %v, created %v", key, key.ExpiresAt, key.CreatedAt)
			}
		})
	}
}

func TestUnusableKeysAreErrorsThatDoNotShowThem(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`,
		`{"status":"SUCCESS","keyInformation":{"keyId":"k"}}`,
		`{"status":"SUCCESS","keyInformation":{"keyId":"k","key":"no base64 hunter2"}}`,
		`{"status":"SUCCESS","keyInformation":{"key":"` + testSecretText + `"}}`,
		`{"status":"FAILED","keyInformation":{"keyId":"k","key":"` + testSecretText + `"}}`,
		`{"status":"SUCCESS","keyInformation":"` + testSecretText + `"}`,
	} {
		c, _ := newTestClient(t, answer(http.StatusCreated, body))
		_, err := c.CreateSignatureKey(t.Context(), "my_org", SignatureKeyOptions{})
		if !errors.Is(err, ErrMalformedResponse) || strings.Contains(err.Error(), testSecretText) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

func TestKeyRequestSaysOnlyWhatWasAsked(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opts SignatureKeyOptions
		want string
	}{
		{
			"nothing",
			SignatureKeyOptions{},
			`{"clientRequestAction":"CREATE","keyInformation":{"provider":"nrtd","tenant":"my_org","keyType":"sharedSecret","organizationId":"my_org"}}`,
		},
		{
			"everything",
			SignatureKeyOptions{ExpiryDays: 30, Reference: "r"},
			`{"clientReferenceInformation":{"code":"r"},"clientRequestAction":"CREATE","keyInformation":{"provider":"nrtd","tenant":"my_org","keyType":"sharedSecret","organizationId":"my_org","expiryDuration":"30"}}`,
		},
	} {
		var body, correlation atomic.Value
		c, _ := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("read: %v", err)
			}
			body.Store(string(b))
			correlation.Store(r.Header.Get("v-c-correlation-id"))
			w.WriteHeader(http.StatusBadRequest)
		})
		if _, err := c.CreateSignatureKey(t.Context(), "my_org", tc.opts); err == nil {
			t.Errorf("%s: want the 400 as an error", tc.name)
		}
		if body.Load() != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, body.Load(), tc.want)
		}
		if id, _ := correlation.Load().(string); len(id) != 36 || id[14] != '4' {
			t.Errorf("%s: correlation id is %q, want a UUID", tc.name, id)
		}
	}
}

func TestParseSecretIsStrict(t *testing.T) {
	t.Parallel()
	if s, err := ParseSecret(" " + testSecretText + "\n"); err != nil || s.Base64() != testSecretText {
		t.Errorf("got %v, %v", s, err)
	}
	for _, text := range []string{"", "  ", "hunter2!", strings.TrimSuffix(testSecretText, "="), "_-" + testSecretText[2:], "AB=="} {
		if _, err := ParseSecret(text); !errors.Is(err, ErrNotBase64) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
