package receiver_test

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, s := range texts {
		list[i] = netip.MustParsePrefix(s)
	}
	return list
}

func TestSourcesAreOnTheServersListAndOnTheEndpoints(t *testing.T) {
	t.Parallel()
	const proxied = "X-Forwarded-For"
	for name, c := range map[string]struct {
		allow   []netip.Prefix // of the server
		sources []string       // of the endpoint
		proxies []netip.Prefix
		headers []string
		reason  string
		says    string
	}{
		"no list":                            {nil, nil, nil, nil, "", ""},
		"on the server's":                    {prefixes("127.0.0.0/8"), nil, nil, nil, "", ""},
		"not on the server's":                {prefixes("198.241.206.21/32"), nil, nil, nil, receiver.ReasonSourceNotAllowed, "198.241.206.21"},
		"on its own, not on the server's":    {prefixes("198.241.206.21/32"), []string{"127.0.0.1"}, nil, nil, receiver.ReasonSourceNotAllowed, "RECEIVER_ALLOW"},
		"its own list opens all":             {prefixes("198.241.206.21/32"), []string{"0.0.0.0/0", "::/0"}, nil, nil, receiver.ReasonSourceNotAllowed, "RECEIVER_ALLOW"},
		"its own list narrows":               {prefixes("127.0.0.0/8"), []string{"127.0.0.2"}, nil, nil, receiver.ReasonSourceNotAllowed, "of this endpoint: 127.0.0.2"},
		"on both":                            {prefixes("127.0.0.0/8"), []string{"127.0.0.1"}, nil, nil, "", ""},
		"on the server's, not on its own":    {prefixes("127.0.0.0/8"), []string{store.SourceCybersource}, nil, nil, receiver.ReasonSourceNotAllowed, "198.241.207.21"},
		"the proxy says it is Cybersource":   {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{proxied, "198.241.207.21"}, "", ""},
		"a stranger says it is Cybersource":  {nil, []string{store.SourceCybersource}, nil, []string{proxied, "198.241.207.21"}, receiver.ReasonSourceNotAllowed, "It came from 127.0.0.1."},
		"said to the proxy, which adds more": {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{proxied, "198.241.207.21, 203.0.113.7"}, receiver.ReasonSourceNotAllowed, "203.0.113.7"},
		"said to it in a header of its own":  {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{proxied, "198.241.207.21", proxied, "203.0.113.7"}, receiver.ReasonSourceNotAllowed, "203.0.113.7"},
		"through two proxies":                {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32", "10.0.0.0/8"), []string{proxied, "198.241.207.21, 10.1.2.3"}, "", ""},
		"what the proxy says is no address":  {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{proxied, "198.241.207.21, unknown"}, receiver.ReasonSourceNotAllowed, `It came from 127.0.0.1, a trusted proxy whose X-Forwarded-For says "unknown", which is no address.`},
		"what it says is a card number":      {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{proxied, "4111111111111111"}, receiver.ReasonSourceNotAllowed, "411111"},
		"with a port":                        {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{proxied, "198.241.207.21:61598"}, "", ""},
		"quoted, and an empty element":       {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{proxied, `"198.241.207.21:61598", `}, "", ""},
		"the proxy sends Forwarded":          {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{"Forwarded", "for=198.241.207.21"}, receiver.ReasonSourceNotAllowed, "sends Forwarded and no X-Forwarded-For"},
		"as IPv6 says IPv4":                  {nil, []string{store.SourceCybersource}, prefixes("127.0.0.1/32"), []string{proxied, "::ffff:198.241.207.21"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newHouse(t)
			d.demand(t, store.SecurityKey, store.Policy{Sources: c.sources})
			d.open(t, func(cfg *receiver.Config) { cfg.Allow, cfg.TrustedProxies = c.allow, c.proxies })
			wantStatus(t, d.signed(t, notice{}.body(), c.headers...), statusOf(c.reason))
			if got := d.only(t); got.Reason != c.reason || !strings.Contains(got.ReasonDetail, c.says) {
				t.Errorf("reason %q (%s), want %q with %q", got.Reason, got.ReasonDetail, c.reason, c.says)
			} else if strings.Contains(got.ReasonDetail, "4111111111111111") {
				t.Errorf("the reason shows a card number: %s", got.ReasonDetail)
			}
			// Whoever asks for health is told: a monitor may, and Cybersource may ask from elsewhere than it delivers.
			wantStatus(t, d.request(t, http.MethodPost, d.health, nil, c.headers...), http.StatusOK)
			if c.reason != "" {
				d.await(t, "an explanation", func() bool { return d.only(t).Explanation.Rung == receiver.RungSource })
				if d.metric(t, "switchboard_deliveries_total", "reason", c.reason) != 1 {
					t.Error("the refusal is not counted")
				}
			}
		})
	}
}

func TestSourcesAreRefusedBeforeTokenAndSignature(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	d.demand(t, store.SecurityOAuth, store.Policy{Sources: []string{"192.0.2.1"}, ClientCertificate: true, Encrypted: true})
	d.open(t)
	wantStatus(t, d.send(t, []byte("no signature at all")), http.StatusUnauthorized)
	if got := d.only(t); got.Reason != receiver.ReasonSourceNotAllowed {
		t.Errorf("reason = %s, want the source", got.Reason)
	}
}

func TestClientCertificatesAreJudged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, viaClientCertificate)
	w.subscribe(t)
	stranger, err := sandbox.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := stranger.Issue("Somebody", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	old, err := w.authority.Issue("Former", time.Now().Add(-2*365*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		shown  []tls.Certificate
		reason string
		says   []string
	}{
		"none":             {nil, receiver.ReasonClientCertificateMissing, []string{"without a client certificate"}},
		"of a stranger":    {[]tls.Certificate{foreign}, receiver.ReasonClientCertificateInvalid, []string{"CN=Somebody", "unknown authority"}},
		"that has expired": {[]tls.Certificate{old}, receiver.ReasonClientCertificateInvalid, []string{"CN=Former", "expired"}},
		"right":            {[]tls.Certificate{w.issue(t, "Cybersource")}, "", nil},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: w.authority.Pool(), Certificates: c.shown}}
		t.Cleanup(transport.CloseIdleConnections)
		w.door.client = &http.Client{Transport: transport, Timeout: patience}
		body := notice{organization: "sandbox_org", webhookID: w.webhookID(t), trace: name}.body()
		response := w.send(t, body, "v-c-signature", w.signedFor(t, body))
		wantStatus(t, response, statusOf(c.reason))
		got := w.newest(t)
		if got.Reason != c.reason {
			t.Errorf("%s: reason %q (%s), want %q", name, got.Reason, got.ReasonDetail, c.reason)
		}
		for _, says := range c.says {
			if !strings.Contains(got.ReasonDetail, says) {
				t.Errorf("%s: %q does not say %q", name, got.ReasonDetail, says)
			}
		}
		if c.reason == "" && !strings.Contains(got.TLS, "CN=Cybersource") {
			t.Errorf("TLS = %q, want it to name the certificate", got.TLS)
		}
		if c.shown != nil && strings.HasSuffix(got.TLS, ", not verified") != (c.reason != "") {
			t.Errorf("%s: TLS = %q, and the certificate was verified: %v", name, got.TLS, c.reason == "")
		}
		if response.ProtoMajor != 1 {
			t.Errorf("spoken was %s", response.Proto)
		}
	}
}

func TestACertificateThatNobodyDemandsIsNotVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t, viaTLS)
	w.subscribe(t)
	stranger, err := sandbox.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := stranger.Issue("Somebody", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: w.authority.Pool(), Certificates: []tls.Certificate{shown}}}
	t.Cleanup(transport.CloseIdleConnections)
	w.door.client = &http.Client{Transport: transport, Timeout: patience}
	body := notice{organization: "sandbox_org", webhookID: w.webhookID(t), trace: "shown"}.body()
	wantStatus(t, w.send(t, body, "v-c-signature", w.signedFor(t, body)), http.StatusOK)
	if got := w.newest(t); !strings.HasSuffix(got.TLS, "CN=Somebody, not verified") {
		t.Errorf("TLS = %q, want it to say that the certificate was not verified", got.TLS)
	}
}

// webhookID is the webhook id of the subscription.
func (w *world) webhookID(t *testing.T) string {
	t.Helper()
	sub, err := w.store.GetSubscription(t.Context(), w.sub.ID)
	if err != nil {
		t.Fatal(err)
	}
	return sub.WebhookID
}

func TestADemandThatTheServerCannotCheckRefusesEverything(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	d.demand(t, store.SecurityKey, store.Policy{ClientCertificate: true})
	d.open(t)
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusUnauthorized)
	if got := d.only(t); got.Reason != receiver.ReasonClientCertificateMissing || !strings.Contains(got.ReasonDetail, "RECEIVER_CLIENT_CA") {
		t.Errorf("reason %q (%s)", got.Reason, got.ReasonDetail)
	}
}

func TestAnEndpointThatHoldsAnswers200ToWhatItRejectsAndKeeps(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	d.demand(t, store.SecurityKey, store.Policy{Rejected: store.AnswerHold})
	d.open(t, func(c *receiver.Config) { c.QuarantineSource = receiver.Bound{Deliveries: 2, Bytes: 1 << 20} })
	unsigned := func(trace string) int { return d.send(t, notice{trace: trace}.body()).StatusCode }
	for _, trace := range []string{"1", "2"} {
		if status := unsigned(trace); status != http.StatusOK {
			t.Errorf("answered %d, want 200", status)
		}
		if got := d.newest(t); got.Verdict != store.Rejected || got.Answered != http.StatusOK || got.Reason != receiver.ReasonSignatureMissing {
			t.Errorf("kept %s %s, answered %d", got.Verdict, got.Reason, got.Answered)
		}
	}
	// Beyond its bounds nothing is kept, so Cybersource must not take it for delivered.
	if status := unsigned("3"); status != http.StatusUnauthorized {
		t.Errorf("beyond the quarantine: answered %d, want 401", status)
	}
	if n := d.deliveries(t); n != 2 {
		t.Errorf("%d deliveries, want 2", n)
	}
}

func TestAChangeOfPolicyIsTakenOverByAllReplicas(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	second := d.second(t)
	n := 0
	settles := func(what, reason string, policy store.Policy, security string) {
		t.Helper()
		d.demand(t, security, policy)
		for name, at := range map[string]*door{"first": d, "second": second} {
			at.await(t, what+" at the "+name, func() bool {
				n++
				response := at.signed(t, notice{trace: strings.Repeat("i", n)}.body())
				return at.newest(t).Reason == reason && response.StatusCode == statusOf(reason)
			})
		}
	}
	settles("a list of sources", receiver.ReasonSourceNotAllowed, store.Policy{Sources: []string{"192.0.2.1"}}, store.SecurityKey)
	settles("its end", "", store.Policy{}, store.SecurityKey)
	settles("a demand for tokens", receiver.ReasonTokenMissing, store.Policy{}, store.SecurityOAuth)
	settles("a demand for encryption", receiver.ReasonMLEMissing, store.Policy{Encrypted: true}, store.SecurityKey)
	settles("the end of all demands", "", store.Policy{}, store.SecurityKey)
}

func TestWhatWasDemandedBeforeIsAcceptedForAWhile(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d := newHouse(t)
	former := &store.FormerDemands{SecurityType: store.SecurityKey, Until: time.Now().Add(time.Hour)}
	d.demand(t, store.SecurityOAuth, store.Policy{Encrypted: true, Former: former})
	d.open(t, clock.set)
	send := func(trace string) (int, string) {
		body := notice{trace: trace}.body()
		response := d.send(t, body, "v-c-signature", cybs.Sign(d.key, clock.now(), body))
		return response.StatusCode, d.newest(t).Reason
	}
	if status, reason := send("during"); status != http.StatusOK {
		t.Errorf("while it is accepted: answered %d, %s", status, reason)
	}
	clock.pass(2 * time.Hour)
	if _, reason := send("after"); reason != receiver.ReasonTokenMissing {
		t.Errorf("after its time: %q, want the token missing", reason)
	}
}

func TestWhatIsToComeIsAcceptedUntilItIsSettled(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	d.demand(t, store.SecurityOAuth, store.Policy{Former: &store.FormerDemands{SecurityType: store.SecurityKey, Announced: true, Until: time.Now().Add(time.Hour)}})
	d.open(t)
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusOK)
}

func TestWhatIsToComeIsNotAcceptedForEver(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	d.demand(t, store.SecurityOAuth, store.Policy{Former: &store.FormerDemands{SecurityType: store.SecurityKey, Announced: true, Until: time.Now().Add(-time.Second)}})
	d.open(t)
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusUnauthorized)
	if got := d.only(t); got.Reason != receiver.ReasonTokenMissing {
		t.Errorf("rejected for %q, want the token missing", got.Reason)
	}
}

// wantJudged has all that is in quarantine judged again, once.
func (d *door) wantJudged(t *testing.T, when string, passing, failing, notJudged int) {
	t.Helper()
	if j := d.judged(t); j.Passing != passing || j.Failing != failing || j.NotJudged != notJudged {
		t.Errorf("%s: %d pass, %d fail, %d are not judged; want %d, %d, %d", when, j.Passing, j.Failing, j.NotJudged, passing, failing, notJudged)
	}
}

func TestWhatAPolicyRefusedIsJudgedAgainByTodaysPolicyAndNeverPassesWithoutItsToken(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	elsewhere := []string{"192.0.2.1"}
	d.demand(t, store.SecurityKey, store.Policy{Sources: elsewhere})
	d.open(t)
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusUnauthorized)
	d.wantJudged(t, "by the same policy", 0, 1, 0)
	d.demand(t, store.SecurityKey, store.Policy{Sources: elsewhere, ClientCertificate: true})
	d.wantJudged(t, "with more demanded", 0, 1, 0)
	d.demand(t, store.SecurityKey, store.Policy{ClientCertificate: true})
	d.wantJudged(t, "with the source allowed and a certificate demanded", 0, 0, 1)
	d.demand(t, store.SecurityOAuth, store.Policy{})
	d.wantJudged(t, "with the source allowed and a token demanded", 0, 0, 1)
	d.demand(t, store.SecurityKey, store.Policy{})
	d.wantJudged(t, "with the source allowed", 1, 0, 0)
}

func TestWhatWasRefusedForItsTokenOrEncryptionIsJudgedAgain(t *testing.T) {
	t.Parallel()
	d := newHouse(t)
	stranger, err := cybs.NewMLECertificate(cybs.MLECertificateOptions{CommonName: "later", OrganizationID: organization})
	if err != nil {
		t.Fatal(err)
	}
	d.demand(t, store.SecurityOAuth, store.Policy{})
	d.open(t)
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusUnauthorized) // without a token
	d.wantJudged(t, "with a token demanded", 0, 0, 1)
	d.demand(t, store.SecurityKey, store.Policy{})
	d.wantJudged(t, "with none demanded", 1, 0, 0)

	d.await(t, "the policy being taken over", func() bool {
		d.signed(t, d.sealed(t, stranger, "later", notice{trace: "sealed"}.body()))
		return d.newest(t).Reason == receiver.ReasonMLEKeyUnknown
	})
	private, err := stranger.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	before := d.judged(t)
	if before.Failing == 0 {
		t.Error("nothing fails for want of the key")
	}
	if _, err := d.store.InsertMLEKey(t.Context(), store.MLEKey{OrganizationID: d.sub.OrganizationID, Certificate: stranger.DER(), PrivateKey: store.Secret(private)}); err != nil {
		t.Fatal(err)
	}
	after := d.judged(t)
	if after.Failing != 0 || after.Passing != before.Passing+before.Failing {
		t.Errorf("with the key: %d pass, %d fail; want all %d to pass", after.Passing, after.Failing, before.Passing+before.Failing)
	}
}
