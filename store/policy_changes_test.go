package store_test

import (
	"errors"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestAPolicyIsSetWithoutANewVersionOfTheIntent(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o, err := s.InsertOrganization(t.Context(), store.Organization{OrganizationID: "org", Environment: "sandbox", Name: "Org", MerchantID: "org"}, nil, store.AuditEntry{Actor: "test", Action: "test"})
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := s.InsertSubscription(t.Context(), store.Subscription{
		OrganizationID: o.ID, Name: "tokens", Scope: "SELF", SecurityType: store.SecurityKey, Products: []store.SubscribedProduct{{ProductID: "p", EventTypes: []string{"e"}}},
	}, store.NewEndpointToken(), store.AuditEntry{Actor: "test", Action: "test"})
	if err != nil {
		t.Fatal(err)
	}
	wanted := store.Policy{OAuth: store.OAuthSettings{URL: "https://hooks.example.com/oauth/token", ClientID: "c", KeyID: "k"}}
	if err := s.SetSubscriptionPolicy(t.Context(), v.ID, store.SecurityOAuth, wanted); err != nil {
		t.Fatal(err)
	}
	now, err := s.GetSubscription(t.Context(), v.ID)
	if err != nil || now.SecurityType != store.SecurityOAuth || now.Policy.OAuth != wanted.OAuth || !now.UpdatedAt.Equal(v.UpdatedAt) {
		t.Errorf("stored is %+v, %v", now, err)
	}
	if err := s.SetSubscriptionPolicy(t.Context(), v.ID, store.SecurityOAuth, store.Policy{Rejected: "ignore"}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a policy that is none: %v, want ErrInvalid", err)
	}
	if err := s.DeleteSubscription(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{v.ID, v.ID + 1} {
		if err := s.SetSubscriptionPolicy(t.Context(), id, store.SecurityKey, store.Policy{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("subscription %d: %v, want ErrNotFound", id, err)
		}
	}
}
