package web

import (
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// A delivery that was sent under the first of three policies still arrives when the third has been chosen.
func TestTwoChangesSoonAfterOneAnotherLoseNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	live, over := now.Add(2*time.Hour), now.Add(-time.Second)
	between := func(former *store.FormerDemands) store.Subscription {
		return store.Subscription{SecurityType: store.SecurityOAuth, Policy: store.Policy{Encrypted: true, OAuth: store.OAuthSettings{ClientID: "second"}, Former: former}}
	}
	for name, c := range map[string]struct {
		former    *store.FormerDemands
		security  string
		encrypted bool
		until     time.Time
	}{
		"nothing before":       {nil, store.SecurityOAuth, true, now.Add(time.Hour)},
		"no token before":      {&store.FormerDemands{SecurityType: store.SecurityKey, Until: live}, store.SecurityKey, false, live},
		"a token before":       {&store.FormerDemands{SecurityType: store.SecurityOAuth, Encrypted: true, Until: live}, store.SecurityOAuth, true, live},
		"taken over long ago":  {&store.FormerDemands{SecurityType: store.SecurityKey, Until: over}, store.SecurityOAuth, true, now.Add(time.Hour)},
		"announced, not known": {&store.FormerDemands{SecurityType: store.SecurityKey, Announced: true, Until: live}, store.SecurityOAuth, true, now.Add(time.Hour)},
	} {
		got := formerDemands(between(c.former), now.Add(time.Hour), now)
		if got.SecurityType != c.security || got.Encrypted != c.encrypted || !got.Until.Equal(c.until) || got.OAuth.ClientID != "second" {
			t.Errorf("%s: %+v; want %s, encrypted %t, until %s, and the client of the policy between", name, got, c.security, c.encrypted, c.until)
		}
	}
}
