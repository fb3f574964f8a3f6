package receiver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// clock goes with the real one, and ahead of it as a test wants.
type clock struct{ ahead atomic.Int64 }

func newClock() *clock { return &clock{} }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

func (c *clock) set(cfg *receiver.Config) { cfg.Now = c.now }

// signedAt is with at a time of that clock.
func (d *door) signedAt(t *testing.T, c *clock, trace, token string) (status int, reason, detail string) {
	t.Helper()
	body := notice{trace: trace}.body()
	response := d.send(t, body, "Authorization", "Bearer "+token, "v-c-signature", cybs.Sign(d.key, c.now(), body))
	if response.StatusCode == http.StatusServiceUnavailable {
		return response.StatusCode, "", ""
	}
	got := d.newest(t)
	return response.StatusCode, got.Reason, got.ReasonDetail
}

// second opens another door on the same store.
func (d *door) second(t *testing.T, options ...option) *door {
	t.Helper()
	other := &door{store: d.store, database: d.database, sub: d.sub, key: d.key, log: d.log, changes: make(chan struct{}, 1)}
	other.open(t, append(options, func(c *receiver.Config) { c.Metrics = nil })...)
	return other
}

// tokenReply is what the token server said.
type tokenReply struct {
	Status  int
	Header  http.Header
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
}

// ask posts a form to the token server. basic, if not empty, is the Authorization header.
func (d *door) ask(t *testing.T, form url.Values, headers ...string) tokenReply {
	t.Helper()
	return d.post(t, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

func (d *door) post(t *testing.T, body string, headers ...string) tokenReply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, receiver.TokenURL(d.base), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	response, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	reply := tokenReply{Status: response.StatusCode, Header: response.Header}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &reply); err != nil {
			t.Fatalf("answer %q: %v", text, err)
		}
	}
	if response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q, want no-store", response.Header.Get("Cache-Control"))
	}
	return reply
}

func credentials(client store.OAuthClient, secret store.Secret) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {client.ClientID}, "client_secret": {string(secret)}}
}

// newTokenDoor opens a door whose subscription takes tokens of our own server.
func newTokenDoor(t *testing.T, options ...option) (*door, store.OAuthClient, store.Secret) {
	t.Helper()
	d := newHouse(t)
	d.demand(t, store.SecurityOAuth, store.Policy{})
	client, secret := d.newClient(t, d.sub.OrganizationID, 0)
	d.open(t, options...)
	return d, client, secret
}

func TestTheTokenServerGivesTokensByFormAndByBasic(t *testing.T) {
	t.Parallel()
	d, client, secret := newTokenDoor(t)
	basic := url.Values{"grant_type": {"client_credentials"}}
	probe := http.Request{Header: http.Header{}}
	probe.SetBasicAuth(url.QueryEscape(client.ClientID), url.QueryEscape(string(secret)))
	for name, reply := range map[string]tokenReply{
		"form":  d.ask(t, credentials(client, secret)),
		"basic": d.ask(t, basic, "Authorization", probe.Header.Get("Authorization")),
	} {
		if reply.Status != http.StatusOK || reply.Type != "Bearer" || reply.Expires != 300 || reply.Error != "" {
			t.Fatalf("%s: answered %+v", name, reply)
		}
		if status, reason, detail := d.with(t, name, reply.Token); status != http.StatusOK {
			t.Errorf("%s: the token was answered %d, %s %s", name, status, reason, detail)
		}
	}
	used, err := d.store.GetOAuthClient(t.Context(), client.ID)
	if err != nil || used.LastUsedAt.IsZero() {
		t.Errorf("last use = %s, %v; want it noted", used.LastUsedAt, err)
	}
	if got := d.metric(t, "switchboard_token_requests_total", "outcome", "issued"); got != 2 {
		t.Errorf("%v tokens counted, want 2", got)
	}
	if log := d.log.String(); strings.Contains(log, string(secret)) {
		t.Error("a secret is in the log")
	}
}

func TestTheTokenServerRefusesByTheStandard(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d, client, secret := newTokenDoor(t, clock.set)
	const form = "application/x-www-form-urlencoded"
	right := credentials(client, secret)
	change := func(name, value string) string {
		v := credentials(client, secret)
		if v.Set(name, value); value == "" {
			v.Del(name)
		}
		return v.Encode()
	}
	for _, c := range []struct {
		name, body string
		headers    []string
		status     int
		code       string
	}{
		{"another secret", change("client_secret", "guess"), []string{"Content-Type", form}, http.StatusUnauthorized, "invalid_client"},
		{"nobody's id", change("client_id", "nobody"), []string{"Content-Type", form}, http.StatusUnauthorized, "invalid_client"},
		{"no secret", change("client_secret", ""), []string{"Content-Type", form}, http.StatusUnauthorized, "invalid_client"},
		{"no grant type", change("grant_type", ""), []string{"Content-Type", form}, http.StatusBadRequest, "invalid_request"},
		{"another grant type", change("grant_type", "password"), []string{"Content-Type", form}, http.StatusBadRequest, "unsupported_grant_type"},
		{"a scope it may not have", change("scope", "everything"), []string{"Content-Type", form}, http.StatusBadRequest, "invalid_scope"},
		{"a repeated parameter", right.Encode() + "&client_id=x", []string{"Content-Type", form}, http.StatusBadRequest, "invalid_request"},
		{"JSON", `{"grant_type":"client_credentials"}`, []string{"Content-Type", "application/json"}, http.StatusBadRequest, "invalid_request"},
		{"a broken form", "grant_type=%zz", []string{"Content-Type", form}, http.StatusBadRequest, "invalid_request"},
		{"a long form", "a=" + strings.Repeat("b", 20<<10), []string{"Content-Type", form}, http.StatusBadRequest, "invalid_request"},
		{"two ways at once", right.Encode(), []string{"Content-Type", form, "Authorization", "Basic YTpi"}, http.StatusBadRequest, "invalid_request"},
	} {
		clock.pass(time.Minute) // so that no failure is one too many
		reply := d.post(t, c.body, c.headers...)
		if reply.Status != c.status || reply.Error != c.code || reply.Token != "" {
			t.Errorf("%s: answered %d %q, want %d %q", c.name, reply.Status, reply.Error, c.status, c.code)
		}
		if asks := reply.Header.Get("WWW-Authenticate") != ""; asks != (c.status == http.StatusUnauthorized) {
			t.Errorf("%s: WWW-Authenticate is there: %t", c.name, asks)
		}
	}
	response := d.request(t, http.MethodGet, receiver.TokenURL(d.base), nil)
	wantStatus(t, response, http.StatusMethodNotAllowed)
}

func TestFailuresAtTheTokenServerAreBoundedAndNeverKeepTheRightOneOut(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d, client, secret := newTokenDoor(t, clock.set)
	wrong := credentials(client, store.Secret("guess"))
	limited := 0
	for range 30 {
		switch reply := d.ask(t, wrong); reply.Status {
		case http.StatusUnauthorized:
		case http.StatusTooManyRequests:
			limited++
			if reply.Header.Get("Retry-After") == "" {
				t.Error("Retry-After is missing")
			}
		default:
			t.Fatalf("answered %d", reply.Status)
		}
	}
	if limited < 15 {
		t.Errorf("%d of 30 failures were limited, want most", limited)
	}
	if lines := strings.Count(d.log.String(), "a token was refused"); lines > 15 {
		t.Errorf("%d lines in the log for 30 failures", lines)
	}
	if reply := d.ask(t, credentials(client, secret)); reply.Status != http.StatusOK {
		t.Errorf("the right secret behind the same address was answered %d", reply.Status)
	}
	clock.pass(10 * time.Minute)
	if reply := d.ask(t, wrong); reply.Status != http.StatusUnauthorized {
		t.Errorf("after ten minutes a failure was answered %d, want 401", reply.Status)
	}
}

func TestOwnTokensAreJudged(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d, client, secret := newTokenDoor(t, clock.set)
	other, err := d.store.InsertOrganization(t.Context(), store.Organization{OrganizationID: "globex", Environment: "sandbox", Name: "Globex", MerchantID: "globex"}, nil, audit())
	if err != nil {
		t.Fatal(err)
	}
	foreign, foreignSecret := d.newClient(t, other.ID, 0)
	elsewhere := d.subscribe(t, d.sub.OrganizationID, "another-webhook")
	narrow, narrowSecret := d.newClient(t, d.sub.OrganizationID, elsewhere.ID)
	own, ownSecret := d.newClient(t, d.sub.OrganizationID, d.sub.ID)
	token := d.ask(t, credentials(client, secret)).Token
	swap := func(s string, at int) string {
		letter := byte('A')
		if s[at] == letter {
			letter = 'B'
		}
		return s[:at] + string(letter) + s[at+1:]
	}
	for name, c := range map[string]struct{ token, reason string }{
		"of the organization":           {token, ""},
		"of this subscription's client": {d.ask(t, credentials(own, ownSecret)).Token, ""},
		"of another subscription":       {d.ask(t, credentials(narrow, narrowSecret)).Token, receiver.ReasonTokenForeign},
		"of another organization":       {d.ask(t, credentials(foreign, foreignSecret)).Token, receiver.ReasonTokenForeign},
		"with another client in it":     {swap(token, 9), receiver.ReasonTokenInvalid},
		"with another end in it":        {swap(token, 18), receiver.ReasonTokenInvalid},
		"with another seal":             {swap(token, 60), receiver.ReasonTokenInvalid},
		"cut off":                       {token[:70], receiver.ReasonTokenInvalid},
		"made up":                       {strings.Repeat("A", 76), receiver.ReasonTokenInvalid},
	} {
		status, reason, detail := d.with(t, name, c.token)
		if status != statusOf(c.reason) || reason != c.reason {
			t.Errorf("%s: answered %d, %q (%s); want %q", name, status, reason, detail, c.reason)
		}
	}
	if status, reason, detail := d.signedAt(t, clock, "just in time", token); status != http.StatusOK {
		t.Errorf("answered %d, %s %s", status, reason, detail)
	}
	clock.pass(5 * time.Minute)
	if _, reason, detail := d.signedAt(t, clock, "late", token); reason != receiver.ReasonTokenExpired || !strings.Contains(detail, "5m0s") {
		t.Errorf("after five minutes: %s (%s), want it expired", reason, detail)
	}
}

func TestAHeaderWithoutATokenIsToldApart(t *testing.T) {
	t.Parallel()
	d, client, secret := newTokenDoor(t)
	token := d.ask(t, credentials(client, secret)).Token
	for name, c := range map[string]struct {
		headers []string
		reason  string
	}{
		"none":         {nil, receiver.ReasonTokenMissing},
		"basic":        {[]string{"Authorization", "Basic YTpi"}, receiver.ReasonTokenMissing},
		"bare":         {[]string{"Authorization", token}, receiver.ReasonTokenMissing},
		"empty":        {[]string{"Authorization", "Bearer "}, receiver.ReasonTokenMissing},
		"two":          {[]string{"Authorization", "Bearer " + token, "Authorization", "Bearer x"}, receiver.ReasonTokenInvalid},
		"small letter": {[]string{"Authorization", "bearer " + token}, ""},
		"twice":        {[]string{"Authorization", "Bearer " + token, "Authorization", "Bearer " + token}, ""},
	} {
		response := d.signed(t, notice{trace: name}.body(), c.headers...)
		wantStatus(t, response, statusOf(c.reason))
		got := d.newest(t)
		if got.Reason != c.reason || strings.Contains(got.ReasonDetail, token) || strings.Contains(got.ReasonDetail, "YTpi") {
			t.Errorf("%s: reason %q (%s), want %q and no credentials", name, got.Reason, got.ReasonDetail, c.reason)
		}
		for _, h := range got.Headers {
			if strings.Contains(h[1], token) {
				t.Errorf("%s: the token is kept in %s", name, h[0])
			}
		}
	}
	// A policy's refusal is explained by what was expected.
	d.await(t, "explanations", func() bool {
		return d.count(t, "SELECT count(*) FROM deliveries WHERE verdict = 'rejected' AND explain_rung <> 'token'") == 0
	})
}

func TestClientsAreRotatedAndRetiredOnAllReplicas(t *testing.T) {
	t.Parallel()
	d, client, secret := newTokenDoor(t)
	second := d.second(t)
	before := d.ask(t, credentials(client, secret)).Token
	if status, reason, detail := second.with(t, "token of the other replica", before); status != http.StatusOK {
		t.Fatalf("answered %d, %s %s", status, reason, detail)
	}
	// A new client counts at once, on the replica that has not heard of it too; the former goes on.
	next, nextSecret := d.newClient(t, d.sub.OrganizationID, 0)
	after := d.ask(t, credentials(next, nextSecret)).Token
	for name, token := range map[string]string{"former": before, "new": after} {
		if status, reason, detail := second.with(t, name, token); status != http.StatusOK {
			t.Errorf("%s: answered %d, %s %s", name, status, reason, detail)
		}
	}
	if err := d.store.RetireOAuthClient(t.Context(), client.ID, time.Now(), audit()); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]*door{"first": d, "second": second} {
		tries := 0
		d.await(t, "the end of the client at the "+name, func() bool {
			tries++
			_, reason, _ := at.with(t, name+strings.Repeat("i", tries), before)
			return reason == receiver.ReasonTokenRevoked
		})
		if reply := at.ask(t, credentials(client, secret)); reply.Status != http.StatusUnauthorized || reply.Error != "invalid_client" {
			t.Errorf("%s: the retired client was answered %d %q", name, reply.Status, reply.Error)
		}
		if status, reason, detail := at.with(t, name+"'s new", after); status != http.StatusOK {
			t.Errorf("%s: the new client's token was answered %d, %s %s", name, status, reason, detail)
		}
	}
}

func TestAClientCanBeRetiredAheadOfTime(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d := newHouse(t)
	d.demand(t, store.SecurityOAuth, store.Policy{})
	client, secret := d.newClient(t, d.sub.OrganizationID, 0)
	if err := d.store.RetireOAuthClient(t.Context(), client.ID, time.Now().Add(2*time.Minute), audit()); err != nil {
		t.Fatal(err)
	}
	d.open(t, clock.set)
	token := d.ask(t, credentials(client, secret)).Token
	if status, reason, detail := d.signedAt(t, clock, "before", token); status != http.StatusOK {
		t.Errorf("before its end: answered %d, %s %s", status, reason, detail)
	}
	clock.pass(3 * time.Minute)
	if _, reason, _ := d.signedAt(t, clock, "after", token); reason != receiver.ReasonTokenRevoked {
		t.Errorf("after its end: %q, want it revoked", reason)
	}
}
