package paths_test

import (
	"net/url"
	"testing"

	"github.com/switchboardhq/switchboard/views/paths"
)

func TestBuildersFillTheirPattern(t *testing.T) {
	t.Parallel()
	cases := []struct{ got, want string }{
		{paths.SetUpWith("a/b"), "/set-up/a%2Fb"},
		{paths.SignInThen("/notifications?q=a"), "/sign-in?next=%2Fnotifications%3Fq%3Da"},
		{paths.ShowSubscription(7), "/subscriptions/7"},
		{paths.ShowSubscriptionTab(7, "health"), "/subscriptions/7?tab=health"},
		{paths.EditSubscriptionOf(7), "/subscriptions/7/edit"},
		{paths.ActivateSubscriptionOf(7), "/subscriptions/7/activate"},
		{paths.DeactivateSubscriptionOf(7), "/subscriptions/7/deactivate"},
		{paths.TestSubscriptionOf(7), "/subscriptions/7/test"},
		{paths.RefreshSubscriptionOf(7), "/subscriptions/7/refresh"},
		{paths.DeleteSubscriptionOf(7), "/subscriptions/7/delete"},
		{paths.ShowNotification("x?y"), "/notifications/x%3Fy"},
		{paths.ShowNotificationTab("x", "raw"), "/notifications/x?tab=raw"},
		{paths.ShowRejected("x"), "/rejected/x"},
		{paths.ShowDelivery("x"), "/deliveries/x"},
		{paths.DownloadDeliveryBody("x"), "/deliveries/x/body"},
		{paths.ShowOrganization(3), "/organizations/3"},
		{paths.EditOrganizationOf(3), "/organizations/3/edit"},
		{paths.SwitchToOrganization(3), "/organizations/3/switch"},
		{paths.ShowMember(3), "/team/3"},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestWithLeavesOutWhatFiltersNothing(t *testing.T) {
	t.Parallel()
	cases := []struct{ got, want string }{
		{paths.With("/a"), "/a"},
		{paths.With("/a", "q", ""), "/a"},
		{paths.With("/a", "q", "x y", "env", ""), "/a?q=x+y"},
		{paths.With("/a?b=1", "q", "x"), "/a?b=1&q=x"},
		{paths.With("/a", "odd"), "/a"},
		{paths.WithQuery("/a", nil), "/a"},
		{paths.WithQuery("/a", url.Values{"b": {"2"}, "a": {"1"}}), "/a?a=1&b=2"},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
