package store_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func policyAudit(action string) store.AuditEntry {
	return store.AuditEntry{Actor: "test", Action: action}
}

func TestAnOAuthClientsSecretIsShownOnceAndKeptAsADigest(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o := newOrganization(t, s, "acme")
	made, secret, err := s.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: o.ID, Method: store.ClientSecret, Scope: "a b"})
	if err != nil {
		t.Fatal(err)
	}
	if len(secret) < 40 || made.ClientID == "" || fmt.Sprint(secret) != "[redacted]" {
		t.Errorf("secret of %d bytes, client id %q, printed %v", len(secret), made.ClientID, secret)
	}
	var row string
	if err := s.Pool().QueryRow(t.Context(), "SELECT oauth_clients::text FROM oauth_clients").Scan(&row); err != nil || strings.Contains(row, string(secret)) {
		t.Errorf("the row has the secret in it, or %v", err)
	}
	got, err := s.GetOAuthClient(t.Context(), made.ID)
	if err != nil || !got.SecretMatches(string(secret)) || got.SecretMatches(string(secret)+"x") || got.SecretMatches("") {
		t.Errorf("the kept client takes the right secret: %t, %v", got.SecretMatches(string(secret)), err)
	}
	if _, _, err := s.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: o.ID, ClientID: made.ClientID, Method: store.ClientSecret}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the same client id again: %v, want ErrConflict", err)
	}
	if _, _, err := s.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: o.ID, Method: "handshake"}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an unknown method: %v, want ErrInvalid", err)
	}
	asserting, none, err := s.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: o.ID, Method: store.ClientAssertion, Audience: "aud"})
	if err != nil || none != nil || asserting.SecretMatches("") {
		t.Errorf("a client with assertions: secret %v, %v", none, err)
	}
}

func TestOAuthClientsAreRegisteredUsedAndRetired(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	s := storetest.New(t, func(c *store.Config) { c.Now = func() time.Time { return now } })
	o := newOrganization(t, s, "acme")
	c, _, err := s.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: o.ID, Method: store.ClientSecret})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetOAuthClientKey(t.Context(), c.ID, "key-id", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.SetOAuthClientKey(t.Context(), c.ID+1, "key-id", now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such client: %v, want ErrNotFound", err)
	}
	if err := s.MarkOAuthClientUsed(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	got, err := s.GetOAuthClient(t.Context(), c.ID)
	if err != nil || got.KeyID != "key-id" || !got.ExpiresAt.Equal(now.Add(time.Hour)) || !got.LastUsedAt.Equal(now) || !got.RetiredAt.IsZero() {
		t.Errorf("client = %+v, %v", got, err)
	}
	// It ends in an hour; and sooner, when somebody says so; and no later than that.
	for _, in := range []time.Duration{time.Hour, time.Minute} {
		if err := s.RetireOAuthClient(t.Context(), c.ID, now.Add(in), policyAudit("oauth_client.retire")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RetireOAuthClient(t.Context(), c.ID, now.Add(time.Hour), policyAudit("oauth_client.retire")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("retired later than it is: %v, want ErrNotFound", err)
	}
	living := func() int {
		list, err := s.ListLivingOAuthClients(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(slices.DeleteFunc(list, func(c store.OAuthClient) bool { return !c.Living(now) }))
	}
	if living() != 1 {
		t.Error("it does not count before its end")
	}
	if now = now.Add(time.Minute); living() != 0 {
		t.Error("it counts after its end")
	}
	all, err := s.ListOAuthClients(t.Context(), o.ID)
	if err != nil || len(all) != 1 {
		t.Errorf("%d clients, %v; want the retired one listed", len(all), err)
	}
	audit, err := s.ListAudit(t.Context(), store.AuditFilter{ObjectKind: "oauth_client"})
	if err != nil || len(audit) != 2 || audit[0].ObjectName != c.ClientID || audit[0].OrganizationID != o.ID {
		t.Errorf("audit = %+v, %v; want both retirements", audit, err)
	}
}

func newCertificate(t *testing.T, name string) (der, privatePEM []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(0xbeef), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func TestAssertionCertificatesAreKeptAndRetired(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o := newOrganization(t, s, "acme")
	der, _ := newCertificate(t, "Assertions")
	made, err := s.InsertAssertionCertificate(t.Context(), o.ID, "kid", der, policyAudit("assertion_certificate.add"))
	if err != nil || made.KeyID != "kid" || made.NotAfter.IsZero() {
		t.Fatalf("made %+v, %v", made, err)
	}
	if _, err := s.InsertAssertionCertificate(t.Context(), o.ID, "kid", der, policyAudit("x")); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the same again: %v, want ErrConflict", err)
	}
	if _, err := s.InsertAssertionCertificate(t.Context(), o.ID, "kid", []byte("x"), policyAudit("x")); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("what is none: %v, want ErrInvalid", err)
	}
	if err := s.RetireAssertionCertificate(t.Context(), made.ID, policyAudit("assertion_certificate.retire")); err != nil {
		t.Fatal(err)
	}
	if err := s.RetireAssertionCertificate(t.Context(), made.ID, policyAudit("x")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("retired again: %v, want ErrNotFound", err)
	}
	counting, err := s.ListAssertionCertificates(t.Context(), 0)
	all, allErr := s.ListAssertionCertificates(t.Context(), o.ID)
	if err != nil || allErr != nil || len(counting) != 0 || len(all) != 1 {
		t.Errorf("%d count, %d are listed, %v, %v; want none and one", len(counting), len(all), err, allErr)
	}
	if _, err := s.InsertAssertionCertificate(t.Context(), o.ID, "kid", der, policyAudit("assertion_certificate.add")); err != nil {
		t.Errorf("the retired one again: %v", err)
	}
	if _, err := store.ParseCertificatePEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		t.Errorf("its PEM form: %v", err)
	}
	for _, text := range []string{"", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := store.ParseCertificatePEM([]byte(text)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", text, err)
		}
	}
}

func TestAnAssertionIsUsedOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := storetest.New(t, func(c *store.Config) { c.Now = func() time.Time { return now } })
	o := newOrganization(t, s, "acme")
	var clients [2]store.OAuthClient
	for i := range clients {
		var err error
		if clients[i], _, err = s.InsertOAuthClient(t.Context(), store.OAuthClient{OrganizationID: o.ID, Method: store.ClientAssertion}); err != nil {
			t.Fatal(err)
		}
	}
	expires := now.Add(time.Minute)
	results := make([]error, 20)
	var using sync.WaitGroup
	for i := range results {
		using.Go(func() { results[i] = s.UseAssertion(t.Context(), clients[0].ID, "jti", expires) })
	}
	using.Wait()
	taken := 0
	for _, err := range results {
		if err == nil {
			taken++
		} else if !errors.Is(err, store.ErrConflict) {
			t.Errorf("used again: %v, want ErrConflict", err)
		}
	}
	if taken != 1 {
		t.Errorf("taken %d times of 20 at once, want once", taken)
	}
	if err := s.UseAssertion(t.Context(), clients[1].ID, "jti", expires); err != nil {
		t.Errorf("of another client: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if err := s.UseAssertion(t.Context(), clients[1].ID, "next", now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM used_assertions").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d are remembered, %v; want the expired ones forgotten", left, err)
	}
}

func TestMLEKeysAreSealedReplacedAndRetired(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	s := storetest.New(t, func(c *store.Config) { c.Now = func() time.Time { return now } })
	o := newOrganization(t, s, "acme")
	var keys [2]store.MLEKey
	var private []byte
	for i := range keys {
		var der []byte
		der, private = newCertificate(t, "mle")
		var err error
		if keys[i], err = s.InsertMLEKey(t.Context(), store.MLEKey{OrganizationID: o.ID, Certificate: der, PrivateKey: store.Secret(private)}); err != nil {
			t.Fatal(err)
		}
		if err := s.RegisterMLEKey(t.Context(), keys[i].ID, fmt.Sprint("key-", i)); err != nil {
			t.Fatal(err)
		}
	}
	if keys[0].Serial != "beef" || keys[0].PrivateKey != nil {
		t.Errorf("made %+v, want its serial number and no private key", keys[0])
	}
	var sealed []byte
	if err := s.Pool().QueryRow(t.Context(), "SELECT sealed_key FROM mle_keys WHERE id = $1", keys[1].ID).Scan(&sealed); err != nil || bytes.Contains(sealed, private[100:130]) || bytes.Contains(sealed, []byte("PRIVATE")) {
		t.Errorf("the private key is not sealed, or %v", err)
	}
	list, err := s.ListMLEKeys(t.Context(), o.ID)
	if err != nil || len(list) != 2 || !list[0].ReplacedAt.IsZero() || list[1].ReplacedAt.IsZero() || list[0].KeyID != "key-1" || list[0].PrivateKey != nil {
		t.Errorf("list = %+v, %v; want the newer one current and no private keys", list, err)
	}
	opened, err := s.OpenMLEKeys(t.Context())
	if err != nil || len(opened) != 2 || string(opened[0].PrivateKey) != string(private) {
		t.Errorf("%d open, %v; want both, replaced or not, the newest first", len(opened), err)
	}
	if err := s.RetireMLEKey(t.Context(), keys[0].ID, now, policyAudit("mle_key.retire")); err != nil {
		t.Fatal(err)
	}
	if err := s.RetireMLEKey(t.Context(), keys[0].ID, now, policyAudit("x")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("retired again: %v, want ErrNotFound", err)
	}
	now = now.Add(25 * time.Hour)
	if opened, err = s.OpenMLEKeys(t.Context()); err != nil || len(opened) != 1 || opened[0].ID != keys[1].ID {
		t.Errorf("a day after its end %d open, %v; want one", len(opened), err)
	}
	if _, err := s.InsertMLEKey(t.Context(), store.MLEKey{OrganizationID: o.ID, Certificate: keys[0].Certificate}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("without a private key: %v, want ErrInvalid", err)
	}
	if err := s.RegisterMLEKey(t.Context(), 4711, "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such key: %v, want ErrNotFound", err)
	}
}

func TestTokenKeysFollowFromTheEncryptionKeys(t *testing.T) {
	t.Parallel()
	var texts [2]store.SealingKey
	for i, text := range []string{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="} {
		var err error
		if texts[i], err = store.ParseSealingKey(text); err != nil {
			t.Fatal(err)
		}
	}
	open := func(keys ...store.SealingKey) []store.Secret {
		sealer, err := store.NewSealer(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return storetest.New(t, func(c *store.Config) { c.Sealer = sealer }).TokenKeys()
	}
	before, after := open(texts[0]), open(texts[1], texts[0])
	if len(before) != 1 || len(after) != 2 || string(after[1]) != string(before[0]) || string(after[0]) == string(before[0]) || len(after[0]) != 32 {
		t.Errorf("%d and then %d keys; want a new one first and the former after it", len(before), len(after))
	}
}
