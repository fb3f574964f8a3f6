package cybs_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

// TestEveryOperationUnderEveryScheme goes through a subscription's life against Cybersource's side, by every way to
// authenticate and in both generations.
func TestEveryOperationUnderEveryScheme(t *testing.T) {
	t.Parallel()
	certificate, leaf := restCertificate(t)
	for _, version := range []cybs.APIVersion{cybs.APIVersion2, cybs.APIVersion1} {
		for _, scheme := range []cybs.Scheme{cybs.HTTPSignature, cybs.JWTSharedSecret, cybs.JWTP12, cybs.JWTP12V1} {
			t.Run(string(version)+" "+string(scheme), func(t *testing.T) {
				t.Parallel()
				s := sandboxtest.New(t, func(c *sandbox.Config) { c.Organizations[0].Certificates = []*x509.Certificate{leaf} })
				creds := s.Credentials
				if creds.Scheme = scheme; scheme == cybs.JWTP12 || scheme == cybs.JWTP12V1 {
					creds.Certificate, creds.KeyID, creds.Secret = certificate, "", nil
				}
				c := clientOf(t, s, func(cfg *cybs.Config) { cfg.Credentials, cfg.APIVersion = creds, version })
				liveThrough(t, c, certificate)
			})
		}
	}
}

// restCertificate makes what the Business Center hands out: the key id is the serialNumber in the subject.
func restCertificate(t *testing.T) (*cybs.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: sandboxtest.MerchantID, SerialNumber: "7001234567890123456"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := cybs.ParseCertificate(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	if err != nil {
		t.Fatal(err)
	}
	return certificate, leaf
}

func clientOf(t *testing.T, s *sandboxtest.Server, change func(*cybs.Config)) *cybs.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := cybs.Config{BaseURL: s.URL, Credentials: s.Credentials, HTTPClient: &http.Client{Transport: transport, Timeout: sandboxtest.Patience}}
	change(&cfg)
	c, err := cybs.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func liveThrough(t *testing.T, c *cybs.Client, certificate *cybs.Certificate) {
	t.Helper()
	ctx, org := t.Context(), sandboxtest.OrganizationID
	const product, event = "tokenManagement", "tms.networktoken.updated"
	if key, err := c.CreateSignatureKey(ctx, org, cybs.KeyOptions{ExpiryDays: 30}); err != nil || len(key.Key) != 32 {
		t.Errorf("create key: got %v, %v", key, err)
	}
	if key, err := c.StoreOAuthCredentials(ctx, org, cybs.OAuthCredentials{ClientID: "c", ClientSecret: cybs.Secret("s")}, cybs.KeyOptions{}); err != nil || key.KeyID == "" {
		t.Errorf("store credentials: got %v, %v", key, err)
	}
	if key, err := c.StoreMLECertificate(ctx, org, certificate, cybs.KeyOptions{}); err != nil || key.KeyID == "" {
		t.Errorf("store certificate: got %v, %v", key, err)
	}
	if products, err := c.ListProducts(ctx, org); err != nil || len(products) < 5 {
		t.Errorf("products: got %v, %v", products, err)
	}
	created, err := c.CreateSubscription(ctx, cybs.SubscriptionInput{
		Name: "n", Description: "d", OrganizationID: org, Products: []cybs.SubscribedProduct{{ProductID: product, EventTypes: []string{event}}},
		WebhookURL: "http://127.0.0.1:1/hook", Scope: &cybs.Scope{Kind: cybs.ScopeSelf},
	})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	id := created.WebhookID
	list, err := c.ListSubscriptions(ctx, cybs.ListSubscriptionsOptions{OrganizationID: org, ProductID: product, EventType: event})
	if err != nil || len(list) != 1 || list[0].WebhookID != id || list[0].Scope.Kind != cybs.ScopeSelf {
		t.Errorf("list: got %+v, %v", list, err)
	}
	name := "new"
	if updated, err := c.UpdateSubscription(ctx, id, cybs.SubscriptionPatch{Name: &name}); err != nil || updated.Name != "new" {
		t.Errorf("update: got %+v, %v", updated, err)
	}
	if err := c.SetSubscriptionStatus(ctx, id, cybs.StatusActive); err != nil {
		t.Errorf("activate: %v", err)
	}
	if got, err := c.GetSubscription(ctx, id); err != nil || got.Status != cybs.StatusActive || got.Name != "new" {
		t.Errorf("get: got %+v, %v", got, err)
	}
	if result, err := c.TestSubscription(ctx, id); err != nil || result.EventType != event {
		t.Errorf("test: got %+v, %v", result, err)
	}
	if offered, err := c.ProbeReplays(ctx, id); err != nil || offered {
		t.Errorf("probe: got %v, %v, want the withdrawn replays not offered", offered, err)
	}
	if err := c.Replay(ctx, id, cybs.Replay{TraceIDs: []string{"t"}}); !errors.Is(err, cybs.ErrNotOffered) {
		t.Errorf("replay: got %v, want ErrNotOffered", err)
	}
	if err := c.DeleteSubscription(ctx, id); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := c.GetSubscription(ctx, id); !errors.Is(err, cybs.ErrNotFound) {
		t.Errorf("get after delete: got %v, want ErrNotFound", err)
	}
}

// delivered is a request that a receiver got.
type delivered struct {
	header http.Header
	body   []byte
}

// receiver answers 200 and hands on what is no ping.
func receiver(t *testing.T) (url string, deliveries <-chan delivered) {
	t.Helper()
	ch := make(chan delivered, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read delivery: %v", err)
		}
		if len(body) > 0 {
			ch <- delivered{r.Header, body}
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, ch
}

// TestDeliveriesOfEveryProductAreRead lets every published event happen, encrypted where the guide wants it, and reads,
// verifies and types each of them.
func TestDeliveriesOfEveryProductAreRead(t *testing.T) {
	t.Parallel()
	for _, form := range sandbox.MLEForms() {
		t.Run("encrypted as "+string(form), func(t *testing.T) {
			t.Parallel()
			s := sandboxtest.New(t, func(c *sandbox.Config) { c.MLE.Form = form })
			c := clientOf(t, s, func(*cybs.Config) {})
			house := prepare(t, s, c)
			for _, event := range s.Catalogue() {
				if event.Published {
					house.deliverAndRead(t, s, event)
				}
			}
		})
	}
}

// receiving is a receiver with its keys.
type receiving struct {
	key        *cybs.SignatureKey
	mle        cybs.MLEKeys
	deliveries <-chan delivered
}

// prepare makes the keys and subscribes to everything.
func prepare(t *testing.T, s *sandboxtest.Server, c *cybs.Client) receiving {
	t.Helper()
	ctx, org := t.Context(), sandboxtest.OrganizationID
	key, err := c.CreateSignatureKey(ctx, org, cybs.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := cybs.NewMLECertificate(cybs.MLECertificateOptions{CommonName: "key", OrganizationID: org})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := c.StoreMLECertificate(ctx, org, certificate, cybs.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	url, deliveries := receiver(t)
	products, err := c.ListProducts(ctx, org)
	if err != nil {
		t.Fatal(err)
	}
	for _, product := range products {
		var events []string
		for _, event := range product.EventTypes {
			events = append(events, event.Name)
		}
		created, err := c.CreateSubscription(ctx, cybs.SubscriptionInput{
			Name: product.ID, Description: "d", OrganizationID: org, WebhookURL: url, HealthCheckURL: url,
			Products: []cybs.SubscribedProduct{{ProductID: product.ID, EventTypes: events}},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.AwaitStatus(t, created.WebhookID, cybs.StatusActive)
	}
	return receiving{key, cybs.MLEKeys{Keys: []cybs.MLEKey{{ID: stored.KeyID, Certificate: certificate}}}, deliveries}
}

func (r receiving) deliverAndRead(t *testing.T, s *sandboxtest.Server, event sandbox.CatalogueEvent) {
	t.Helper()
	if _, err := s.Emit(t.Context(), sandbox.EventRequest{ProductID: event.ProductID, EventType: event.EventType}); err != nil {
		t.Fatal(err)
	}
	var d delivered
	select {
	case d = <-r.deliveries:
	case <-time.After(sandboxtest.Patience):
		t.Fatalf("%s of %s did not arrive", event.EventType, event.ProductID)
	}
	n, err := cybs.OpenNotification(d.header, d.body, r.mle)
	if err != nil || n.EventType != event.EventType || n.ProductID != event.ProductID || len(n.Conflicts) > 0 {
		t.Fatalf("%s: got %+v, %v", event.EventType, n, err)
	}
	if (n.Encryption != nil) != event.Encrypted {
		t.Errorf("%s of %s: encrypted is %v, want %v", event.EventType, event.ProductID, n.Encryption != nil, event.Encrypted)
	}
	in := cybs.VerifyInput{
		Signature: d.header.Get(cybs.HeaderSignature), Body: d.body, Now: time.Now(),
		LookupKey: func(id string) (cybs.Key, bool) {
			return cybs.Key{ID: r.key.KeyID, Secret: r.key.Key}, id == r.key.KeyID
		},
	}
	if n.Encryption != nil {
		in.Decrypted = n.Encryption.Plain
		if !n.Encryption.KeyNamed {
			t.Errorf("%s: the header does not name the key", event.EventType)
		}
	}
	if _, err := cybs.Verify(in); err != nil {
		t.Errorf("%s: got %v", event.EventType, err)
	}
	if err := readTyped(n); err != nil {
		t.Errorf("%s of %s: %v", event.EventType, event.ProductID, err)
	}
}

// readTyped reads a notification by the accessor of its kind and insists on what names it.
func readTyped(n *cybs.Notification) error {
	name := ""
	var err error
	switch n.Kind() {
	case cybs.KindPayment:
		var p *cybs.Payment
		if p, err = n.Payment(); err == nil && p.Status != "" && p.Reference != "" {
			name = p.ID
		}
	case cybs.KindAlternativePayment:
		var p *cybs.Payment
		if p, err = n.AlternativePayment(); err == nil && p.Status != "" {
			name = p.ReconciliationID
		}
	case cybs.KindECheck:
		var p *cybs.Payment
		if p, err = n.ECheck(); err == nil {
			name = p.Processor.EventStatus
		}
	case cybs.KindNetworkToken:
		var token *cybs.NetworkToken
		if token, err = n.NetworkToken(); err == nil && len(token.InstrumentIdentifiers) == 1 {
			name = token.Reason
		}
	case cybs.KindInvoice:
		var i *cybs.Invoice
		if i, err = n.Invoice(); err == nil && i.Balance != "" {
			name = i.Number
		}
	case cybs.KindDecision:
		var d *cybs.Decision
		if d, err = n.Decision(); err == nil {
			name = d.ReferenceNumber
		}
	case cybs.KindPayByLink:
		var p *cybs.PayByLink
		if p, err = n.PayByLink(); err == nil && p.TotalAmount != "" {
			name = p.LinkID
		}
	case cybs.KindRecurringCharge:
		var events []cybs.EventData
		if events, err = n.Data(); err == nil {
			name = string(events[0].Data)
		}
	}
	if err == nil && name == "" {
		err = errors.New("what names it is missing in " + string(n.Kind()))
	}
	return err
}
