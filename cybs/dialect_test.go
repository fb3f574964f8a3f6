package cybs

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sentBy returns method, path and body of the first request that call makes with the configuration.
func sentBy(t *testing.T, change func(*Config), call func(c *Client) error) (request, body string, err error) {
	t.Helper()
	var first atomic.Pointer[[2]string]
	c, _ := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		first.CompareAndSwap(nil, &[2]string{r.Method + " " + r.URL.RequestURI(), string(b)})
		w.WriteHeader(http.StatusTeapot)
	}, change)
	err = call(c)
	if sent := first.Load(); sent != nil {
		return sent[0], sent[1], err
	}
	return "", "", err
}

// TestEachContradictionHasItsSwitch writes the same things in each dialect; the first of every group is the default.
func TestEachContradictionHasItsSwitch(t *testing.T) {
	t.Parallel()
	policy := DefaultRetryPolicy()
	policy.DeactivateFlag = true
	create := func(change func(*SubscriptionInput)) func(c *Client) error {
		return func(c *Client) error {
			in := SubscriptionInput{OrganizationID: "o", Products: []SubscribedProduct{{"p", []string{"e"}}}, WebhookURL: "u"}
			change(&in)
			_, err := c.CreateSubscription(t.Context(), in)
			return err
		}
	}
	withPolicy := create(func(in *SubscriptionInput) { in.RetryPolicy = &policy })
	scoped := func(s Scope) func(c *Client) error { return create(func(in *SubscriptionInput) { in.Scope = &s }) }
	patchPolicy := func(c *Client) error {
		_, err := c.UpdateSubscription(t.Context(), "w", SubscriptionPatch{RetryPolicy: &policy})
		return err
	}
	patchScope := func(c *Client) error {
		_, err := c.UpdateSubscription(t.Context(), "w", SubscriptionPatch{Scope: &Scope{Kind: ScopeDescendants}})
		return err
	}
	store := func(c *Client) error {
		_, err := c.StoreOAuthCredentials(t.Context(), "my_org", OAuthCredentials{"c", Secret("s")}, KeyOptions{})
		return err
	}
	makeKey := func(c *Client) error {
		_, err := c.CreateSignatureKey(t.Context(), "my_org", KeyOptions{})
		return err
	}
	products := func(c *Client) error { _, err := c.ListProducts(t.Context(), "o"); return err }
	replay := func(c *Client) error { return c.Replay(t.Context(), "w", Replay{TraceIDs: []string{"t"}}) }
	for _, tc := range []struct {
		name    string
		dialect Dialect
		version APIVersion
		call    func(c *Client) error
		want    string // part of request and body, together
		without string
	}{
		{"stored by the specification", Dialect{}, "", store, `"provider":"my_org","tenant":"nrtd","keyType":"oAuthClientCredentials"`, "---"},
		{"stored by the guide", Dialect{KeyOrder: KeyOrderGuide}, "", store, `"provider":"nrtd","tenant":"my_org"`, "---"},
		{"signature keys are made one way", Dialect{KeyOrder: KeyOrderSpec}, "", makeKey, `"provider":"nrtd","tenant":"my_org","keyType":"sharedSecret"`, "---"},
		{"flag in the policy as text", Dialect{}, "", withPolicy, `"numberOfRetries":3,"deactivateFlag":"true","repeatSequenceCount":0`, "deactivateflag"},
		{"flag as a boolean", Dialect{DeactivateFlagBool: true}, "", withPolicy, `"deactivateFlag":true`, "deactivateflag"},
		{"flag beside the policy", Dialect{DeactivateFlagPlace: FlagTopLevel}, "", withPolicy, `"deactivateflag":"true","retryPolicy":{"algorithm"`, "deactivateFlag"},
		{"flag in both places", Dialect{DeactivateFlagPlace: FlagInBoth, DeactivateFlagBool: true}, "", withPolicy, `"deactivateflag":true,"retryPolicy"`, "---"},
		{"no flag without a policy", Dialect{DeactivateFlagPlace: FlagInBoth}, "", create(func(*SubscriptionInput) {}), `"securityPolicy":{"securityType":"KEY"}`, "eactivate"},
		{"policy in an update", Dialect{}, "", patchPolicy, `PATCH /notification-subscriptions/v2/webhooks/w {"retryPolicy":{"algorithm":"ARITHMETIC"`, "---"},
		{"scope as text", Dialect{}, "", scoped(Scope{Kind: ScopeSelf}), `"notificationScope":"SELF"`, "---"},
		{"zero scope is left out", Dialect{}, "", scoped(Scope{}), `{`, "notificationScope"},
		{"custom scope as an object", Dialect{}, "", scoped(Scope{ScopeCustom, []string{"a", "b"}}), `"notificationScope":{"scope":"CUSTOM","scopeData":["a","b"]}`, "---"},
		{"scope data by commas", Dialect{ScopeDataText: true}, "", scoped(Scope{ScopeCustom, []string{"a", "b"}}), `"scopeData":"a,b"`, "---"},
		{"scope always an object", Dialect{ScopeShape: ScopeObject}, "", scoped(Scope{Kind: ScopeSelf}), `"notificationScope":{"scope":"SELF"}`, "---"},
		{"custom scope as text", Dialect{ScopeShape: ScopeText}, "", scoped(Scope{Kind: ScopeCustom}), `"notificationScope":"CUSTOM"`, "---"},
		{"scope of an update", Dialect{}, "", patchScope, `"notificationScope":"DESCENDANTS"`, "---"},
		{"scope of an update of version 1", Dialect{}, APIVersion1, patchScope, `"notificationScope":{"scope":"DESCENDANTS"}`, "---"},
		{"scope of a creation of version 1", Dialect{}, APIVersion1, scoped(Scope{Kind: ScopeSelf}), `"notificationScope":"SELF"`, "---"},
		{"no proxy type", Dialect{}, "", withPolicy, `"securityType":"KEY"}`, "proxyType"},
		{"a proxy type", Dialect{ProxyType: "internal"}, "", withPolicy, `{"securityType":"KEY","proxyType":"internal"}`, "---"},
		{"proxy type of version 1", Dialect{}, APIVersion1, withPolicy, `"proxyType":"external"`, "---"},
		{"products", Dialect{}, "", products, "GET /notification-subscriptions/v2/products/o", "---"},
		{"products with the guide's prefix", Dialect{ProductsPrefix: "/webhooks"}, "", products, "GET /webhooks/notification-subscriptions/v2/products/o", "---"},
		{"replays", Dialect{}, "", replay, "POST /nrtf/v1/webhooks/w/replays", "---"},
		{"replays by the guide", Dialect{GuideReplayPath: true}, "", replay, "POST /webhooks/w/replays", "---"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			request, body, err := sentBy(t, func(cfg *Config) { cfg.Dialect, cfg.APIVersion = tc.dialect, tc.version }, tc.call)
			var api *APIError
			if got := request + " " + body; !errors.As(err, &api) || !strings.Contains(got, tc.want) || strings.Contains(got, tc.without) {
				t.Errorf("got %s (%v), want %s and no %s", got, err, tc.want, tc.without)
			}
		})
	}
}

func TestWhatADialectCannotSayIsNotSent(t *testing.T) {
	t.Parallel()
	active, policy := StatusActive, DefaultRetryPolicy()
	for _, tc := range []struct {
		name   string
		change func(*Config)
		call   func(c *Client) error
	}{
		{"organizations in a text scope", func(cfg *Config) { cfg.Dialect.ScopeShape = ScopeText }, func(c *Client) error {
			_, err := c.CreateSubscription(t.Context(), SubscriptionInput{Scope: &Scope{ScopeCustom, []string{"a"}}})
			return err
		}},
		{"organizations in a text scope of an update", func(cfg *Config) { cfg.Dialect.ScopeShape = ScopeText }, func(c *Client) error {
			_, err := c.UpdateSubscription(t.Context(), "w", SubscriptionPatch{Scope: &Scope{ScopeCustom, []string{"a"}}})
			return err
		}},
		{"policy in an update by the specification", func(cfg *Config) { cfg.Dialect.NoRetryPolicyOnPatch = true }, func(c *Client) error {
			_, err := c.UpdateSubscription(t.Context(), "w", SubscriptionPatch{RetryPolicy: &policy})
			return err
		}},
		{"status in an update of version 2", func(*Config) {}, func(c *Client) error {
			_, err := c.UpdateSubscription(t.Context(), "w", SubscriptionPatch{Status: &active})
			return err
		}},
		{"two products in version 1", func(cfg *Config) { cfg.APIVersion = APIVersion1 }, func(c *Client) error {
			_, err := c.CreateSubscription(t.Context(), SubscriptionInput{Products: make([]SubscribedProduct, 2)})
			return err
		}},
		{"two products in an update of version 1", func(cfg *Config) { cfg.APIVersion = APIVersion1 }, func(c *Client) error {
			_, err := c.UpdateSubscription(t.Context(), "w", SubscriptionPatch{Products: make([]SubscribedProduct, 2)})
			return err
		}},
		{"half a filter in version 1", func(cfg *Config) { cfg.APIVersion = APIVersion1 }, func(c *Client) error {
			_, err := c.ListSubscriptions(t.Context(), ListSubscriptionsOptions{OrganizationID: "o", ProductID: "p"})
			return err
		}},
	} {
		request, _, err := sentBy(t, tc.change, tc.call)
		if request != "" || !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("%s: got %q, %v, want nothing sent and ErrInvalidArgument", tc.name, request, err)
		}
	}
}

func TestDialectsThatDoNotExistAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		`version "v3"`:   func(c *Config) { c.APIVersion = "v3" },
		`order "x"`:      func(c *Config) { c.Dialect.KeyOrder = "x" },
		`place "x"`:      func(c *Config) { c.Dialect.DeactivateFlagPlace = "x" },
		`shape "x"`:      func(c *Config) { c.Dialect.ScopeShape = "x" },
		`prefix "x"`:     func(c *Config) { c.Dialect.ProductsPrefix = "x" },
		`prefix "/x?y="`: func(c *Config) { c.Dialect.ProductsPrefix = "/x?y=" },
	} {
		cfg := Config{BaseURL: "https://example.test", Credentials: testCredentials(t)}
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s named", err, name)
		}
	}
}

// TestBothGenerationsGiveTheSameTypes walks through a subscription's life against the answers of either.
func TestBothGenerationsGiveTheSameTypes(t *testing.T) {
	t.Parallel()
	flat := `{"webhookId":"w","organizationId":"o","productId":"p","eventTypes":["e"],"webhookUrl":"u","status":"INACTIVE","notificationScope":{"scope":"SELF"},"retryPolicy":{"numberOfRetries":"5"},"createdOn":"2022-04-28 15:39:56.931"}`
	nested := `{"webhookId":"w","organizationId":"o","products":[{"productId":"p","eventTypes":["e"]}],"webhookUrl":"u","status":"INACTIVE","notificationScope":"SELF","retryPolicy":{"numberOfRetries":5},"createdOn":"2022-04-28T15:39:56.931Z"}`
	live := func(version APIVersion, create, get, patch string) []Subscription {
		c, _ := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/notification-subscriptions/"+string(version)+"/webhooks") {
				t.Errorf("%s: got %s", version, r.URL.Path)
			}
			switch {
			case r.Method == http.MethodPost:
				answer(http.StatusCreated, create)(w, r)
			case r.Method == http.MethodPatch:
				answer(http.StatusOK, patch)(w, r)
			case strings.HasSuffix(r.URL.Path, "/w"):
				answer(http.StatusOK, get)(w, r)
			default:
				answer(http.StatusOK, "["+get+"]")(w, r)
			}
		}, func(cfg *Config) { cfg.APIVersion = version })
		created, err := c.CreateSubscription(t.Context(), SubscriptionInput{Products: []SubscribedProduct{{"p", []string{"e"}}}})
		if err != nil {
			t.Fatal(err)
		}
		list, err := c.ListSubscriptions(t.Context(), ListSubscriptionsOptions{"o", "p", "e"})
		if err != nil || len(list) != 1 {
			t.Fatalf("got %v, %v", list, err)
		}
		name := "n"
		updated, err := c.UpdateSubscription(t.Context(), "w", SubscriptionPatch{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetSubscriptionStatus(t.Context(), "w", StatusActive); err != nil {
			t.Fatal(err)
		}
		return []Subscription{*created, list[0], *updated}
	}
	one := live(APIVersion1, flat, nested, "")
	two := live(APIVersion2, nested, nested, nested)
	if diff := cmp.Diff(two, one, cmpopts.IgnoreFields(Subscription{}, "Raw")); diff != "" {
		t.Errorf("version 1 differs (-v2 +v1):\n%s", diff)
	}
}

func TestStatusIsAPatchInVersion1(t *testing.T) {
	t.Parallel()
	request, body, _ := sentBy(t, func(cfg *Config) { cfg.APIVersion = APIVersion1 }, func(c *Client) error {
		return c.SetSubscriptionStatus(t.Context(), "w", StatusActive)
	})
	if request != "PATCH /notification-subscriptions/v1/webhooks/w" || body != `{"status":"ACTIVE"}` {
		t.Errorf("got %s %s", request, body)
	}
}
