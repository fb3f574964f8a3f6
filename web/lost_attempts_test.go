package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// refuse keeps an attempt in quarantine, and reads it as the receiver does.
func (a *archive) refuse(of *store.Delivery, at time.Time, number int) *store.Delivery {
	d := a.retry(of, at, number)
	rejectedFor(receiver.ReasonKeyUnknown)(d)
	a.keep(d)
	if err := a.Store.InsertExplanations(a.tb.Context(), map[store.ID]store.Explanation{d.ID: {Rung: receiver.RungNotWalked, Loose: string(describeBody(*of).Loose)}}); err != nil {
		a.tb.Fatal(err)
	}
	return d
}

func TestOnlyAttemptsThatNeverArrivedAreLost(t *testing.T) {
	t.Parallel()
	now := time.Now()
	// Each attempt is verified (v), rejected (r) or missing (.); they come in the order given.
	for name, tc := range map[string]struct {
		attempts string
		backward bool
		want     int
	}{
		"refused, refused, verified":        {attempts: "rrv", want: 0},
		"refused, missing, verified":        {attempts: "r.v", want: 1},
		"missing, missing, verified":        {attempts: "..v", want: 2},
		"a gap between":                     {attempts: "v.v", want: 1},
		"verified at once":                  {attempts: "v", want: 0},
		"verified, then one came refused":   {attempts: "vr", want: 0},
		"verified before, refused known of": {attempts: "rrv", backward: true, want: 0},
		"gap, refused known of later":       {attempts: "r.v", backward: true, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t)
			base := a.delivery(now.Add(-30*time.Minute), `{"payload":{"n":1}}`)
			numbers := []int{}
			for i := range tc.attempts {
				numbers = append(numbers, i)
			}
			if tc.backward {
				for i, j := 0, len(numbers)-1; i < j; i, j = i+1, j-1 {
					numbers[i], numbers[j] = numbers[j], numbers[i]
				}
			}
			var notification string
			for _, number := range numbers {
				at := base.ReceivedAt.Add(time.Duration(number) * time.Minute)
				switch tc.attempts[number] {
				case 'v':
					d := a.retry(base, at, number)
					a.keep(d)
					if notification == "" {
						notification = d.ID.String()
					}
				case 'r':
					a.refuse(base, at, number)
				}
			}
			viewer := a.As(store.RoleViewer)
			want := map[int]string{1: "1 attempt lost", 2: "2 attempts lost"}[tc.want]
			for _, address := range []string{paths.Notifications, paths.Overview, paths.ShowNotification(notification)} {
				text := viewer.Get(address).Wants(http.StatusOK).Text()
				if says := strings.Contains(text, "attempt lost") || strings.Contains(text, "attempts lost"); says != (want != "") || !strings.Contains(text, want) {
					t.Errorf("%s does not say %q of lost attempts", address, want)
				}
			}
			filtered := []string{}
			if tc.want > 0 {
				filtered = append(filtered, notification)
			}
			if got := rows(viewer.Get(paths.Notifications+"?status=lost-attempts"), "notification-row"); !cmp.Equal(got, filtered) {
				t.Errorf("the filter lists %v, want %v", got, filtered)
			}
		})
	}
}

func TestARejectedAttemptNamesTheOthersAndSaysWhenCybersourceHasGivenUp(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	base := a.delivery(time.Now().Add(-30*time.Minute), `{"payload":{"n":1}}`)
	var list []*store.Delivery
	for number := range 4 {
		list = append(list, a.refuse(base, base.ReceivedAt.Add(time.Duration(number)*time.Minute), number))
	}
	viewer := a.As(store.RoleViewer)
	page := viewer.Get(paths.ShowRejected(list[0].ID.String())).Wants(http.StatusOK).Says("Cybersource has given up", "Retry 1", "Retry 3", "rejected too, 401 Unauthorized")
	for _, d := range list[1:] {
		if linkTo(page, "rejected too") == "" || !strings.Contains(page.Body, paths.ShowRejected(d.ID.String())) {
			t.Errorf("nothing leads to %s", d.ID)
		}
	}
}
