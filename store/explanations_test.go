package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func TestExplanationIsKeptOnceAndOnlyWithWhatWasRejected(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	a := newArrivals(t, s)
	first, second, verified := a.at(monday, rejected("key_unknown")), a.at(monday.AddDate(0, 0, 7), rejected("key_unknown")), a.at(monday)
	insert(t, s, second, verified, first)
	waiting := func() []store.ID {
		t.Helper()
		list, err := s.ListUnexplained(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		var ids []store.ID
		for _, d := range list {
			if string(d.Body) == "" {
				t.Errorf("%s comes without its body", d.ID)
			}
			ids = append(ids, d.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]store.ID{first.ID, second.ID}, waiting()); diff != "" {
		t.Errorf("unexplained (-want +got):\n%s", diff)
	}
	want := store.Explanation{Rung: "key-of-another-organization", Detail: "It belongs to globex.", Expected: "AbCdEfGh…"}
	for _, e := range []store.Explanation{want, {Rung: "key-unknown"}} { // the second comes too late
		if err := s.InsertExplanations(t.Context(), map[store.ID]store.Explanation{first.ID: e, verified.ID: e, store.NewID(monday): e}); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[store.ID]store.Explanation{first.ID: want, second.ID: {}, verified.ID: {}} {
		if d, err := s.GetDelivery(t.Context(), id); err != nil || d.Explanation != want {
			t.Errorf("kept %+v, %v; want %+v", d.Explanation, err, want)
		}
	}
	if diff := cmp.Diff([]store.ID{second.ID}, waiting()); diff != "" {
		t.Errorf("unexplained afterwards (-want +got):\n%s", diff)
	}
	page, err := s.ListRejected(t.Context(), store.RejectedFilter{Rung: want.Rung})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != first.ID {
		t.Errorf("listed by rung: %d, %v; want the explained one", len(page.Items), err)
	}
}

func TestKnownSignatureKeysAreThoseOfEverybody(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for _, name := range []string{"acme", "globex"} {
		o := newOrganization(t, s, name)
		for i := range 2 {
			id := fmt.Sprint(name, i)
			if _, err := s.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: o.ID, KeyID: id, Key: store.Secret(id + " bytes")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Sealed with a key that is gone.
	if _, err := s.Pool().Exec(t.Context(), "UPDATE signature_keys SET sealed_key = 'x' WHERE key_id = 'acme0'"); err != nil {
		t.Fatal(err)
	}
	keys, err := s.KnownSignatureKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, k := range keys {
		got[k.KeyID] = string(k.Key)
		if former := k.KeyID[len(k.KeyID)-1] == '0'; former == k.ReplacedAt.IsZero() {
			t.Errorf("%s was replaced at %v", k.KeyID, k.ReplacedAt)
		}
	}
	if diff := cmp.Diff(map[string]string{"acme0": "", "acme1": "acme1 bytes", "globex0": "globex0 bytes", "globex1": "globex1 bytes"}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}
