package paths

import (
	"net/url"
	"testing"
)

func TestBuildersFillTheirPattern(t *testing.T) {
	t.Parallel()
	cases := []struct{ got, want string }{
		{SetUpWith("a/b"), "/set-up/a%2Fb"},
		{SignInThen("/notifications?q=a"), "/sign-in?next=%2Fnotifications%3Fq%3Da"},
		{ShowSubscription(7), "/subscriptions/7"},
		{ShowSubscriptionTab(7, "health"), "/subscriptions/7?tab=health"},
		{EditSubscriptionOf(7), "/subscriptions/7/edit"},
		{ActivateSubscriptionOf(7), "/subscriptions/7/activate"},
		{DeactivateSubscriptionOf(7), "/subscriptions/7/deactivate"},
		{TestSubscriptionOf(7), "/subscriptions/7/test"},
		{RefreshSubscriptionOf(7), "/subscriptions/7/refresh"},
		{DeleteSubscriptionOf(7), "/subscriptions/7/delete"},
		{ShowNotification("x?y"), "/notifications/x%3Fy"},
		{ShowNotificationTab("x", "raw"), "/notifications/x?tab=raw"},
		{ShowRejected("x"), "/rejected/x"},
		{ShowDelivery("x"), "/deliveries/x"},
		{DownloadDeliveryBody("x"), "/deliveries/x/body"},
		{ShowOrganization(3), "/organizations/3"},
		{EditOrganizationOf(3), "/organizations/3/edit"},
		{SwitchToOrganization(3), "/organizations/3/switch"},
		{ShowMember(3), "/team/3"},
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
		{With("/a"), "/a"},
		{With("/a", "q", ""), "/a"},
		{With("/a", "q", "x y", "env", ""), "/a?q=x+y"},
		{With("/a?b=1", "q", "x"), "/a?b=1&q=x"},
		{With("/a", "odd"), "/a"},
		{WithQuery("/a", nil), "/a"},
		{WithQuery("/a", url.Values{"b": {"2"}, "a": {"1"}}), "/a?a=1&b=2"},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
