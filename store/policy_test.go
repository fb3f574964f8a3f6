package store_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestPoliciesAreChecked(t *testing.T) {
	t.Parallel()
	external := store.TokenPolicy{Server: store.TokensExternal, Issuer: "https://a.example", Audience: "b", JWKSURL: "https://a.example/jwks"}
	change := func(f func(*store.TokenPolicy)) store.TokenPolicy {
		p := external
		f(&p)
		return p
	}
	for name, c := range map[string]struct {
		policy store.Policy
		valid  bool
	}{
		"nothing asked for":       {store.Policy{}, true},
		"sources of all kinds":    {store.Policy{Sources: []string{"cybersource", "192.0.2.1", "10.0.0.0/8", "2001:db8::/32"}}, true},
		"a source that is none":   {store.Policy{Sources: []string{"somebody"}}, false},
		"an empty source":         {store.Policy{Sources: []string{""}}, false},
		"too many sources":        {store.Policy{Sources: slices.Repeat([]string{"192.0.2.1"}, 101)}, false},
		"holding":                 {store.Policy{Rejected: store.AnswerHold}, true},
		"another answer":          {store.Policy{Rejected: "shrug"}, false},
		"an external issuer":      {store.Policy{Tokens: external}, true},
		"without its issuer":      {store.Policy{Tokens: change(func(p *store.TokenPolicy) { p.Issuer = "" })}, false},
		"without its audience":    {store.Policy{Tokens: change(func(p *store.TokenPolicy) { p.Audience = "" })}, false},
		"keys from a file":        {store.Policy{Tokens: change(func(p *store.TokenPolicy) { p.JWKSURL = "file:///etc/passwd" })}, false},
		"keys with a password":    {store.Policy{Tokens: change(func(p *store.TokenPolicy) { p.JWKSURL = "https://a:b@a.example/jwks" })}, false},
		"an unknown token server": {store.Policy{Tokens: store.TokenPolicy{Server: "somebody"}}, false},
		"a former one like that":  {store.Policy{Former: &store.FormerDemands{Tokens: store.TokenPolicy{Server: "somebody"}}}, false},
	} {
		if err := c.policy.Validate(); (err == nil) != c.valid || err != nil && !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v, want valid %t", name, err, c.valid)
		}
	}
}

func TestSourcesAreReadAsNetworks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", " 192.0.2.1 ": "192.0.2.1/32", "10.1.2.3/8": "10.0.0.0/8", "::1": "::1/128", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8::1/32": "2001:db8::/32",
		"fe80::1%eth0": "", "192.0.2.1/33": "", "::ffff:10.0.0.0/104": "", "a": "", "": "", "10.0.0.0/8,192.0.2.1": "",
	} {
		got, err := store.ParseSource(text)
		if want == "" {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%q: %v, %v; want ErrInvalid", text, got, err)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestAPolicyIsKeptWithItsSubscriptionAndKnownToItsEndpoint(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o := newOrganization(t, s, "acme")
	policy := store.Policy{
		Sources: []string{store.SourceCybersource}, ClientCertificate: true, Rejected: store.AnswerHold, Encrypted: true, AllowOAEP: true,
		Tokens: store.TokenPolicy{Server: store.TokensExternal, Issuer: "https://a.example", Audience: "b", JWKSURL: "https://a.example/jwks", Scope: "c d"},
		Former: &store.FormerDemands{SecurityType: store.SecurityKey, Until: time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)},
	}
	made, _, err := s.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: o.ID, Name: "n", Scope: "SELF", SecurityType: store.SecurityOAuth, Policy: policy, Products: []store.SubscribedProduct{},
	}, store.NewEndpointToken(), store.AuditEntry{Actor: "test", Action: "subscription.create"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.ListEndpoints(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%d endpoints, %v", len(list), err)
	}
	for name, got := range map[string]store.Policy{"subscription": made.Policy, "endpoint": list[0].Policy} {
		if diff := cmp.Diff(policy, got); diff != "" {
			t.Errorf("policy of the %s (-want +got):\n%s", name, diff)
		}
	}
	made.Policy = store.Policy{}
	if err := s.UpdateSubscription(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	again, err := s.GetSubscription(t.Context(), made.ID)
	if err != nil || !cmp.Equal(again.Policy, store.Policy{}) {
		t.Errorf("after the update the policy is %+v, %v", again.Policy, err)
	}
	if text, err := json.Marshal(again.Policy); err != nil || string(text) != "{}" {
		t.Errorf("a policy that asks for nothing is written as %s, %v", text, err)
	}
	made.Policy.Rejected = "shrug"
	if err := s.UpdateSubscription(t.Context(), made); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a policy that is none: %v, want ErrInvalid", err)
	}
}

func TestKeysOfIssuersAreKeptTheNewestOnly(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	const url = "https://a.example/jwks"
	if _, err := s.GetIssuerKeys(t.Context(), url); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before any: %v, want ErrNotFound", err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	for _, k := range []store.IssuerKeys{{url, "second", now}, {url, "first", now.Add(-time.Minute)}, {url, "third", now.Add(time.Minute)}} {
		if err := s.SaveIssuerKeys(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.GetIssuerKeys(t.Context(), url); err != nil || got.JWKS != "third" || !got.FetchedAt.Equal(now.Add(time.Minute)) {
		t.Errorf("got %+v, %v; want the newest", got, err)
	}
}
