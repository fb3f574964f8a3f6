package sandbox

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// vectorFile is what both shared files have in common.
type vectorFile struct {
	MerchantID     string `json:"merchantId"`
	Host           string `json:"host"`
	NowEpochMs     int64  `json:"nowEpochMs"`
	KeyID          string `json:"keyId"`
	SecretBase64   string `json:"secretBase64"`
	CertificatePEM string `json:"certificatePem"`
	Vectors        []struct {
		ID            string            `json:"id"`
		Method        string            `json:"method"`
		Target        string            `json:"requestTarget"`
		Body          *string           `json:"body"`
		Headers       map[string]string `json:"headers"`
		Host          string            `json:"host"`
		Authorization string            `json:"authorization"`
		KeyID         string            `json:"keyId"`
		SecretBase64  string            `json:"secretBase64"`
		PortfolioID   string            `json:"portfolioId"`
		Expect        string            `json:"expect"`
	} `json:"vectors"`
}

func readVectors(t *testing.T, name string) vectorFile {
	t.Helper()
	b, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var f vectorFile
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func secretOf(t *testing.T, text string) cybs.Secret {
	t.Helper()
	secret, err := cybs.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// vectorSandbox knows the organizations, keys and the certificate of a file.
func vectorSandbox(t *testing.T, f vectorFile) *Sandbox {
	t.Helper()
	mid := Organization{OrganizationID: f.MerchantID}
	if f.SecretBase64 != "" {
		mid.Keys = []APIKey{{KeyID: f.KeyID, Secret: secretOf(t, f.SecretBase64)}}
	}
	portfolio := Organization{OrganizationID: "no_portfolio"}
	for _, v := range f.Vectors {
		owner := &mid
		if v.PortfolioID != "" {
			owner, portfolio.OrganizationID, mid.ParentID = &portfolio, v.PortfolioID, v.PortfolioID
		}
		known := slices.ContainsFunc(owner.Keys, func(k APIKey) bool { return k.KeyID == v.KeyID })
		if v.SecretBase64 != "" && v.Expect == "accept" && !known {
			owner.Keys = append(owner.Keys, APIKey{KeyID: v.KeyID, Secret: secretOf(t, v.SecretBase64)})
		}
	}
	if f.CertificatePEM != "" {
		block, _ := pem.Decode([]byte(f.CertificatePEM))
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		mid.Certificates = []*x509.Certificate{cert}
	}
	s, err := New(Config{Organizations: []Organization{mid, portfolio}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decided is our choice where the vectors leave one. Cryptographically right
// requests whose headers are only ordered or spaced unusually are accepted; what
// an announcement refuses, an unsigned digest and a token for another host are not.
func decided(t *testing.T, id, expect string) (accept bool) {
	t.Helper()
	choices := map[string]bool{
		"signed-headers-other-order":       true,
		"signature-parameters-no-space":    true,
		"signature-parameters-other-order": true,
		"digest-not-signed":                false,
		"v2-p12-other-host":                false,
	}
	switch expect {
	case "accept", "accept-observed":
		return true
	case "reject", "reject-documented", "reject-if-clock-checked":
		return false
	case "implementation-defined":
		accept, ok := choices[id]
		if !ok {
			t.Fatalf("no choice is made for %s", id)
		}
		return accept
	}
	t.Fatalf("unknown expectation %q", expect)
	return false
}

func TestAuthenticationPassesTheSharedVectors(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"http-signature.json", "jwt.json"} {
		f := readVectors(t, name)
		s := vectorSandbox(t, f)
		if len(f.Vectors) < 40 {
			t.Errorf("%s has only %d vectors", name, len(f.Vectors))
		}
		for _, v := range f.Vectors {
			t.Run(name+"/"+v.ID, func(t *testing.T) {
				t.Parallel()
				r := authRequest{Method: v.Method, Target: v.Target, Host: f.Host, Header: http.Header{}}
				if v.Host != "" {
					r.Host = v.Host
				}
				for name, value := range v.Headers {
					if name == "host" {
						r.Host = value
						continue
					}
					r.Header.Set(name, value)
				}
				if v.Authorization != "" {
					r.Header.Set("Authorization", v.Authorization)
				}
				if v.Body != nil {
					r.Body = []byte(*v.Body)
				}
				who, err := s.auth.authenticate(r, time.UnixMilli(f.NowEpochMs))
				if err != nil && !errors.Is(err, errUnauthenticated) {
					t.Fatalf("got error %v, want one that is errUnauthenticated", err)
				}
				if want := decided(t, v.ID, v.Expect); (err == nil) != want {
					t.Fatalf("got error %v, want accepted = %v (%s)", err, want, v.Expect)
				}
				if err == nil && who.MerchantID != f.MerchantID {
					t.Errorf("got merchant %q, want %q", who.MerchantID, f.MerchantID)
				}
				if err == nil && v.PortfolioID != "" && who.Owner != v.PortfolioID {
					t.Errorf("got owner %q, want the portfolio %q", who.Owner, v.PortfolioID)
				}
			})
		}
	}
}

// signed returns a request of the HTTP Signature vectors to change.
func signedRequest(t *testing.T, id string) (authRequest, *Sandbox, time.Time) {
	t.Helper()
	f := readVectors(t, "http-signature.json")
	for _, v := range f.Vectors {
		if v.ID != id {
			continue
		}
		r := authRequest{Method: v.Method, Target: v.Target, Host: f.Host, Header: http.Header{}}
		for name, value := range v.Headers {
			r.Header.Set(name, value)
		}
		if v.Body != nil {
			r.Body = []byte(*v.Body)
		}
		return r, vectorSandbox(t, f), time.UnixMilli(f.NowEpochMs)
	}
	t.Fatalf("no vector %s", id)
	return authRequest{}, nil, time.Time{}
}

func TestHTTPSignatureIsRefusedWhenSpoiled(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*authRequest){
		"digest of undefined and no body": func(r *authRequest) { r.Header.Set("Digest", "SHA-256=undefined"); r.Body = nil },
		"two signature headers":           func(r *authRequest) { r.Header.Add("Signature", r.Header.Get("Signature")) },
		"a token beside the signature":    func(r *authRequest) { r.Header.Set("Authorization", "Bearer a.b.c") },
		"another host":                    func(r *authRequest) { r.Host = "api.example.com" },
		"no date":                         func(r *authRequest) { r.Header.Del("Date") },
		"unterminated parameter":          func(r *authRequest) { r.Header.Set("Signature", `keyid="x`) },
		"parameter twice":                 func(r *authRequest) { r.Header.Set("Signature", r.Header.Get("Signature")+`, keyid="x"`) },
		"empty signature header":          func(r *authRequest) { r.Header.Set("Signature", "") },
		"merchant header twice":           func(r *authRequest) { r.Header.Add("v-c-merchant-id", "webhook_test_mid") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s, now := signedRequest(t, "put-status")
			if _, err := s.auth.authenticate(r, now); err != nil {
				t.Fatalf("untouched request: %v", err)
			}
			spoil(&r)
			if _, err := s.auth.authenticate(r, now); !errors.Is(err, errUnauthenticated) {
				t.Errorf("got %v, want errUnauthenticated", err)
			}
		})
	}
}

func TestClockToleranceIsTheConfigured(t *testing.T) {
	t.Parallel()
	r, s, now := signedRequest(t, "put-status")
	for _, c := range []struct {
		at     time.Time
		accept bool
	}{
		{now.Add(4 * time.Minute), true},
		{now.Add(-4 * time.Minute), true},
		{now.Add(6 * time.Minute), false},
		{now.Add(-6 * time.Minute), false},
	} {
		if _, err := s.auth.authenticate(r, c.at); (err == nil) != c.accept {
			t.Errorf("%s off: got %v, want accepted = %v", c.at.Sub(now), err, c.accept)
		}
	}
}

func TestTokenIDIsGoodOnce(t *testing.T) {
	t.Parallel()
	g := replayGuard{seen: map[string]time.Time{}}
	now := time.Unix(1_800_000_000, 0)
	if !g.use("a", now.Add(time.Minute), now) {
		t.Error("fresh id was refused")
	}
	if g.use("a", now.Add(time.Minute), now) {
		t.Error("used id was accepted")
	}
	if !g.use("b", now.Add(time.Minute), now) {
		t.Error("other id was refused")
	}
}
