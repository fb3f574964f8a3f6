package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
)

// refuseAttempts keeps attempts of one notification as refused: numbers from the first up to the last.
func (a *archive) refuseAttempts(body string, first, last int) *store.Delivery {
	base := a.delivery(time.Now().Add(-10*time.Minute), body)
	for number := first; number <= last; number++ {
		a.refuse(base, base.ReceivedAt.Add(time.Duration(number)*time.Minute), number)
	}
	return base
}

func TestASuspensionByOurOwnRefusalsNamesTheirReason(t *testing.T) {
	t.Parallel()
	const network, cause = "could not reach the endpoint", "because Switchboard refused"
	for name, tc := range map[string]struct {
		before func(a *archive)
		caused bool
	}{
		"every attempt refused":      {func(a *archive) { a.refuseAttempts(`{"n":1}`, 0, 3) }, true},
		"nothing refused":            {func(*archive) {}, false},
		"strangers were refused":     {func(a *archive) { a.refuseAttempts(`{"n":1}`, 0, 0) }, false},
		"refused long before it":     {func(a *archive) { a.refuse(a.delivery(time.Now(), `{}`), time.Now().Add(-20*time.Hour), 3) }, false},
		"some attempts were refused": {func(a *archive) { a.refuseAttempts(`{"n":1}`, 0, 2) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t)
			tc.before(a)
			a.status(a.Subscription, store.StatusSuspended)
			viewer := a.As(store.RoleViewer)
			page := viewer.Get(paths.ShowSubscription(a.Subscription.ID)).Wants(http.StatusOK)
			overview := viewer.Get(paths.Overview).Wants(http.StatusOK)
			if tc.caused {
				page.Says(cause, "unknown key", "Compare the key id")
				overview.Says(cause)
				if href := linkTo(page, "rejected deliver"); !strings.Contains(href, "reason=key_unknown") {
					t.Errorf("the refused deliveries are not linked: %q", href)
				}
			}
			if blames := strings.Contains(page.Text(), network); blames == tc.caused {
				t.Errorf("blames the network: %v", blames)
			}
			if !tc.caused && strings.Contains(page.Text()+overview.Text(), cause) {
				t.Error("blames refusals that did not cause it")
			}
		})
	}
}

func TestASubscriptionSaysThatCybersourceHasGivenUp(t *testing.T) {
	t.Parallel()
	const given = "Cybersource has given up on 1 notification:"
	for name, tc := range map[string]struct {
		before func(a *archive)
		want   bool
	}{
		"every retry refused":      {func(a *archive) { a.refuseAttempts(`{"n":1}`, 0, 3) }, true},
		"one retry is left":        {func(a *archive) { a.refuseAttempts(`{"n":1}`, 0, 2) }, false},
		"it arrived another way":   {func(a *archive) { base := a.refuseAttempts(`{"n":1}`, 0, 3); a.keep(base) }, false},
		"the others verified":      {func(a *archive) { a.refuseAttempts(`{"n":1}`, 0, 3); a.keep(a.delivery(time.Now(), `{"n":2}`)) }, true},
		"nothing but the last one": {func(a *archive) { a.refuseAttempts(`{"n":1}`, 3, 3) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t)
			tc.before(a)
			viewer := a.As(store.RoleViewer)
			for _, address := range []string{paths.ShowSubscription(a.Subscription.ID), paths.Overview} {
				if got := strings.Contains(viewer.Get(address).Wants(http.StatusOK).Text(), given); got != tc.want {
					t.Errorf("%s says that it has given up: %v, want %v", address, got, tc.want)
				}
			}
		})
	}
}
