package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// sdkFile is sdk-requests.json: requests as official SDKs put them on the wire.
type sdkFile struct {
	MerchantID   string       `json:"merchantId"`
	NowEpochMs   int64        `json:"nowEpochMs"`
	KeyID        string       `json:"keyId"`
	SecretBase64 string       `json:"secretBase64"`
	Requests     []sdkRequest `json:"requests"`
}

type sdkRequest struct {
	ID           string      `json:"id"`
	Auth         string      `json:"auth"`
	Method       string      `json:"method"`
	Target       string      `json:"requestTarget"`
	Headers      [][2]string `json:"headers"`
	Body         *string     `json:"body"`
	PortfolioID  string      `json:"portfolioId"`
	KeyID        string      `json:"keyId"`
	SecretBase64 string      `json:"secretBase64"`
}

// wantOfSDK is the status for a recorded request, by its method and path.
func wantOfSDK(method, target, id string) int {
	path, _, _ := strings.Cut(target, "?")
	switch {
	case strings.Contains(target, "%20"): // unknown organizations and webhooks with odd names
		return http.StatusNotFound
	case strings.HasSuffix(path, "/replays"): // withdrawn
		return http.StatusNotFound
	case strings.Contains(id, "request-mle"): // encryption is off
		return http.StatusBadRequest
	case strings.HasPrefix(path, "/kms/"), method == http.MethodPost && strings.HasSuffix(path, "/webhooks"), method == http.MethodPost:
		return http.StatusCreated
	}
	return http.StatusOK
}

func TestRecordedSDKRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../testdata/sdk-requests.json")
	if err != nil {
		t.Fatal(err)
	}
	var f sdkFile
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	certificate := readVectors(t, "jwt.json")
	for _, r := range f.Requests {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			vectors := vectorFile{MerchantID: f.MerchantID, KeyID: f.KeyID, SecretBase64: f.SecretBase64, CertificatePEM: certificate.CertificatePEM}
			s := vectorSandbox(t, vectors)
			s.cfg.Now = func() time.Time { return time.UnixMilli(f.NowEpochMs) }
			if r.PortfolioID != "" {
				owner := newOrganization(Organization{OrganizationID: r.PortfolioID, Keys: []APIKey{{KeyID: r.KeyID, Secret: secretOf(t, r.SecretBase64)}}})
				s.orgs[r.PortfolioID] = owner
				s.orgs[f.MerchantID].ParentID = r.PortfolioID
			}
			if !strings.HasSuffix(r.Target, "/webhooks") || r.Method != http.MethodPost {
				s.sigKeys[f.MerchantID] = []signatureKey{{ID: "k", Secret: cybs.Secret("secret")}}
				s.subs["b555a545-58a9-47c7-aef9-10a8e17f201a"] = sdkSubscription(f.MerchantID)
			}
			body := ""
			if r.Body != nil {
				body = *r.Body
			}
			req := httptest.NewRequestWithContext(t.Context(), r.Method, r.Target, strings.NewReader(body))
			for _, h := range r.Headers {
				if strings.EqualFold(h[0], "host") {
					req.Host = h[1]
					continue
				}
				req.Header.Add(h[0], h[1])
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, req)
			want := wantOfSDK(r.Method, r.Target, r.ID)
			if strings.Contains(r.ID, "without-body") || strings.Contains(r.ID, "sample-bug") {
				want = http.StatusUnauthorized // digest: SHA-256=undefined
			}
			if w.Code != want {
				t.Errorf("%s %s: got %d %s, want %d", r.Method, r.Target, w.Code, w.Body, want)
			}
		})
	}
}

// sdkSubscription is the one the recorded requests talk about. Its receiver does
// not exist: the test call answers all the same.
func sdkSubscription(organizationID string) *subscription {
	return &subscription{
		ID: "b555a545-58a9-47c7-aef9-10a8e17f201a", OrganizationID: organizationID, Status: statusInactive,
		WebhookURL: "http://127.0.0.1:1/", HealthCheckURL: "http://127.0.0.1:1/", Security: defaultSecurity(),
		Products: []subscribedProduct{{
			ProductID:  "tokenManagement",
			EventTypes: []string{"tms.networktoken.provisioned", "tms.networktoken.updated"},
		}},
	}
}
