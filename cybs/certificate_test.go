package cybs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// vectorCertificates opens the shared certificate from PEM and from both kinds of P12 file.
func vectorCertificates(tb testing.TB, file authVectors) map[string]*Certificate {
	tb.Helper()
	certificates := map[string]*Certificate{}
	fromPEM, err := ParseCertificate([]byte(file.CertificatePEM), []byte(file.PrivateKeyPEM))
	if err != nil {
		tb.Fatalf("PEM: %v", err)
	}
	certificates["PEM"] = fromPEM
	for kind, text := range map[string]string{"new P12": file.P12.Base64, "old P12": file.P12.LegacyBase64} {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			tb.Fatalf("%s: %v", kind, err)
		}
		if certificates[kind], err = ParseP12(data, file.P12.Password); err != nil {
			tb.Fatalf("%s: %v", kind, err)
		}
	}
	return certificates
}

func TestP12WithAWrongPasswordOrNoFile(t *testing.T) {
	t.Parallel()
	var file authVectors
	loadVectors(t, "jwt.json", &file)
	for _, text := range []string{file.P12.Base64, file.P12.LegacyBase64} {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseP12(data, "hunter2"); !errors.Is(err, ErrWrongPassword) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want ErrWrongPassword", err)
		}
		if _, err := ParseP12(data[:len(data)/2], file.P12.Password); err == nil || errors.Is(err, ErrWrongPassword) {
			t.Errorf("half a file: got %v", err)
		}
	}
	if _, err := ParseP12([]byte("no file"), "x"); err == nil {
		t.Error("want no file refused")
	}
}

func TestPEMInOneTextAndAsPKCS1(t *testing.T) {
	t.Parallel()
	var file authVectors
	loadVectors(t, "jwt.json", &file)
	both := []byte(file.PrivateKeyPEM + file.CertificatePEM)
	c, err := ParseCertificate(both, both)
	if err != nil {
		t.Fatal(err)
	}
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(c.key)})
	again, err := ParseCertificate([]byte(file.CertificatePEM), old)
	if err != nil || !again.NotAfter().Equal(c.NotAfter()) || !bytes.Equal(again.DER(), c.DER()) {
		t.Errorf("got %v, %v", again, err)
	}
}

// selfSigned makes a certificate for key.
func selfSigned(t *testing.T, subject pkix.Name, public, private any) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestCertificatesThatCannotSignAreRefused(t *testing.T) {
	t.Parallel()
	var file authVectors
	loadVectors(t, "jwt.json", &file)
	good := []byte(file.CertificatePEM)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // to be refused
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name             string
		certificate, key []byte
		want             string
	}{
		{"no key", good, good, "no private key"},
		{"nothing", nil, nil, "no private key"},
		{"another key", good, pemOf(t, other), "no certificate fits"},
		{"an elliptic key", good, pemOf(t, curve), "want RSA"},
		{"an encrypted key", good, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), "encrypted"},
		{"a broken key", good, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "parse certificate"},
		{"a broken certificate", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), pemOf(t, other), "parse certificate"},
		{
			"a short key", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t, pkix.Name{}, &short.PublicKey, short)}),
			pemOf(t, short), "1024 bits",
		},
	} {
		if _, err := ParseCertificate(tc.certificate, tc.key); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
	leaf, err := x509.ParseCertificate(selfSigned(t, pkix.Name{}, &curve.PublicKey, curve))
	if err != nil {
		t.Fatal(err)
	}
	p12, err := pkcs12.Modern.Encode(curve, leaf, nil, "pw")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseP12(p12, "pw"); err == nil || !strings.Contains(err.Error(), "want RSA") {
		t.Errorf("an elliptic P12: got %v", err)
	}
	if p12, err = pkcs12.Modern.Encode(other, leaf, nil, "pw"); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseP12(p12, "pw"); err == nil || !strings.Contains(err.Error(), "no certificate fits") {
		t.Errorf("a P12 with another certificate: got %v", err)
	}
}

func TestCertificateWithoutSerialNumberNeedsAKeyID(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der := selfSigned(t, pkix.Name{CommonName: "my_org"}, &key.PublicKey, key)
	certificate, err := ParseCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pemOf(t, key))
	if err != nil {
		t.Fatal(err)
	}
	creds := Credentials{Scheme: JWTP12, MerchantID: "my_org", Certificate: certificate}
	if _, err := newAuthenticator(creds, "", newUUID); err == nil || !strings.Contains(err.Error(), "serialNumber") {
		t.Errorf("got %v, want the missing serialNumber named", err)
	}
	creds.KeyID = "given"
	if _, err := newAuthenticator(creds, "", newUUID); err != nil {
		t.Errorf("got %v, want the given key id to do", err)
	}
	if _, err := newAuthenticator(Credentials{Scheme: JWTP12V1}, "", newUUID); err == nil ||
		err.Error() != "merchant id is missing; certificate is missing" {
		t.Errorf("got %v, want both named", err)
	}
}

func TestCertificateOutsideItsValidityIsRefused(t *testing.T) {
	t.Parallel()
	from := vectorNow()
	c, err := NewMLECertificate(MLECertificateOptions{CommonName: "my_org", OrganizationID: "my_org", NotBefore: from, Validity: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		after time.Duration
		want  error
		text  string
	}{
		{"at its beginning", 0, nil, ""},
		{"at its end", 23 * time.Hour, nil, ""},
		{"before", -time.Minute, ErrCertificateNotYetValid, "it begins on 2027-01-15T10:15:30Z"},
		{"after", 25 * time.Hour, ErrCertificateExpired, "on 2027-01-16"},
	} {
		now := from.Add(tc.after)
		if err := c.CheckValidity(now); !errors.Is(err, tc.want) || err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
		for _, scheme := range []Scheme{JWTP12, JWTP12V1} {
			cfg := Config{
				BaseURL: "https://example.test", Now: func() time.Time { return now },
				Credentials: Credentials{Scheme: scheme, MerchantID: "my_org", KeyID: "k", Certificate: c},
			}
			if _, err := New(cfg); !errors.Is(err, tc.want) {
				t.Errorf("%s, %s: got %v from New, want %v", tc.name, scheme, err, tc.want)
			}
		}
	}
}

func TestCertificateThatExpiresWhileAClientLivesSignsNoMore(t *testing.T) {
	t.Parallel()
	now := vectorNow()
	certificate, err := NewMLECertificate(MLECertificateOptions{CommonName: "c", OrganizationID: "o", NotBefore: now, Validity: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []Scheme{JWTP12, JWTP12V1} {
		clock := now
		c, _ := newTestClient(t, answer(http.StatusOK, `{"webhookId":"w"}`), func(cfg *Config) {
			cfg.Credentials = Credentials{Scheme: scheme, MerchantID: "my_org", KeyID: "k", Certificate: certificate}
			cfg.Now = func() time.Time { return clock }
		})
		if _, err := c.GetSubscription(t.Context(), "w"); err != nil {
			t.Errorf("%s: got %v while it is valid", scheme, err)
		}
		clock = now.Add(2 * time.Hour)
		if _, err := c.GetSubscription(t.Context(), "w"); !errors.Is(err, ErrCertificateExpired) {
			t.Errorf("%s: got %v, want ErrCertificateExpired", scheme, err)
		}
		if _, err := c.StoreMLECertificate(t.Context(), "o", certificate, KeyOptions{}); !errors.Is(err, ErrCertificateExpired) {
			t.Errorf("%s: got %v from storing it, want ErrCertificateExpired", scheme, err)
		}
	}
}

func TestKeyFilesWithoutAPrivateKeyOrItsCertificate(t *testing.T) {
	t.Parallel()
	mine, platform := vectorMLEKey(t, "egress").Certificate, vectorMLEKey(t, "requestMle").Certificate
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, encoder := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern2023, "legacy": pkcs12.LegacyDES} {
		trust, err := encoder.EncodeTrustStore([]*x509.Certificate{mine.leaf}, "pw")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseP12(trust, "pw"); !errors.Is(err, ErrNoPrivateKey) {
			t.Errorf("%s, no key: got %v, want ErrNoPrivateKey", name, err)
		}
		other, err := encoder.Encode(stranger, mine.leaf, nil, "pw")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseP12(other, "pw"); !errors.Is(err, ErrCertificateMismatch) {
			t.Errorf("%s, another key: got %v, want ErrCertificateMismatch", name, err)
		}
		for order, chain := range map[string][]*x509.Certificate{"mine first": {mine.leaf, platform.leaf}, "theirs first": {platform.leaf, mine.leaf}} {
			both, err := encoder.Encode(mine.key, chain[0], chain[1:], "pw")
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseP12(both, "pw")
			if err != nil || !bytes.Equal(got.DER(), mine.DER()) || got.RequestMLE() == nil || !got.RequestMLE().Equal(platform.leaf) {
				t.Errorf("%s, %s: got %v, %v", name, order, got, err)
			}
		}
	}
	if _, err := ParseCertificate(mine.CertificatePEM(), mine.CertificatePEM()); !errors.Is(err, ErrNoPrivateKey) {
		t.Errorf("PEM: got %v, want ErrNoPrivateKey", err)
	}
	if _, err := ParseCertificate(mine.CertificatePEM(), pemOf(t, stranger)); !errors.Is(err, ErrCertificateMismatch) {
		t.Errorf("PEM: got %v, want ErrCertificateMismatch", err)
	}
	if mine.RequestMLE() != nil {
		t.Error("PEM has no certificate of Cybersource's")
	}
}
