package receiver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

func TestEveryCombinationOfPoliciesIsMet(t *testing.T) {
	t.Parallel()
	for _, with := range []string{withKey, withOwn, withExternal, withAssertion} {
		for _, encrypted := range []bool{false, true} {
			for _, way := range []string{viaProxy, viaTLS, viaClientCertificate} {
				t.Run(fmt.Sprintf("%s, encrypted %t, %s", with, encrypted, way), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, way)
					w.secure(t, with)
					if encrypted {
						w.encrypt(t)
						w.policy.Encrypted = true
					}
					w.subscribe(t)
					if status := w.happen(t); status != http.StatusOK {
						t.Errorf("the sandbox was answered %d, want 200; %s", status, w.newest(t).ReasonDetail)
					}
					w.wantVerified(t, way, encrypted)
					if with == withKey {
						return
					}
					w.wantRejected(t, receiver.ReasonTokenMissing)
				})
			}
		}
	}
}

// wantVerified looks at the one delivery and its notification.
func (w *world) wantVerified(t *testing.T, way string, encrypted bool) {
	t.Helper()
	got := w.only(t)
	if got.Verdict != store.Verified || got.EventType != eventType || got.ReasonDetail != "" {
		t.Errorf("delivery = %s %s %q, event type %s; want it verified", got.Verdict, got.Reason, got.ReasonDetail, got.EventType)
	}
	if isPlain := strings.Contains(string(got.Body), `"payload"`); isPlain == encrypted {
		t.Errorf("body is %.60q, want encrypted %t", got.Body, encrypted)
	}
	source := "127.0.0.1"
	if way == viaProxy {
		source = "198.241.206.21"
	}
	if got.Source.String() != source || (got.TLS != "") == (way == viaProxy) {
		t.Errorf("source = %s, TLS = %q", got.Source, got.TLS)
	}
	n, err := w.store.GetNotification(t.Context(), w.notifications(t, 1)[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if !n.Readable || n.Summary == "" || !strings.Contains(string(n.Payload), "tokenized-cards") {
		t.Errorf("notification: readable %t, summary %q, payload %s; want its clear text read", n.Readable, n.Summary, n.Payload)
	}
}

// wantRejected sends what Cybersource would, without anything but a right signature, and looks at why it was refused.
func (w *world) wantRejected(t *testing.T, reason string) {
	t.Helper()
	body := notice{organization: sandboxtest.OrganizationID, trace: "another"}.body()
	headers := w.signedFor(t, body)
	client := w.trusting(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("v-c-signature", headers)
	response, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	wantStatus(t, response, http.StatusUnauthorized)
	if got := w.newest(t); got.Reason != reason {
		t.Errorf("reason = %q (%s), want %q", got.Reason, got.ReasonDetail, reason)
	}
}
