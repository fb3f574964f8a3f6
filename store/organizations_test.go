package store_test

import (
	"errors"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

func newOrganization(t *testing.T, s *store.Store, id string) store.Organization {
	t.Helper()
	o, err := s.InsertOrganization(t.Context(), store.Organization{OrganizationID: id, Environment: "sandbox", Name: id, MerchantID: id, KeyID: "rest-key"}, []byte("rest secret"), store.AuditEntry{Actor: "test", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOrganizationSecretIsSealedAndReplaced(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o := newOrganization(t, s, "acme")
	var sealed []byte
	if err := s.Pool().QueryRow(t.Context(), "SELECT sealed_secret FROM organizations WHERE id = $1", o.ID).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if string(sealed) == "rest secret" || len(sealed) < len("rest secret") {
		t.Errorf("the stored secret is %q, want it sealed", sealed)
	}
	if secret, err := s.OrganizationSecret(t.Context(), o.ID); err != nil || string(secret) != "rest secret" {
		t.Errorf("OrganizationSecret = %q, %v", secret, err)
	}
	o.KeyID = "second"
	if err := s.UpdateOrganizationCredentials(t.Context(), o, []byte("another"), store.AuditEntry{Actor: "test", Action: "organization.update"}); err != nil {
		t.Fatal(err)
	}
	if secret, err := s.OrganizationSecret(t.Context(), o.ID); err != nil || string(secret) != "another" {
		t.Errorf("after the update OrganizationSecret = %q, %v", secret, err)
	}
	// Who read it before that would put their secret to the new key id.
	if err := s.UpdateOrganizationCredentials(t.Context(), o, []byte("late"), store.AuditEntry{Actor: "test", Action: "organization.update"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a late update: %v, want ErrConflict", err)
	}
	audit, err := s.ListAudit(t.Context(), store.AuditFilter{ObjectKind: "organization"})
	if err != nil || len(audit) != 2 || audit[0].Action != "organization.update" || audit[0].OrganizationID != o.ID {
		t.Errorf("audit = %+v, %v; want update and create of the organization", audit, err)
	}
}

func TestOrganizationIsRefused(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	newOrganization(t, s, "acme")
	for name, c := range map[string]struct {
		organization store.Organization
		secret       []byte
		want         error
	}{
		"when it exists":                  {store.Organization{OrganizationID: "acme", Environment: "sandbox"}, nil, store.ErrConflict},
		"with an unknown environment":     {store.Organization{OrganizationID: "acme", Environment: "moon"}, nil, store.ErrInvalid},
		"with an id Cybersource has not":  {store.Organization{OrganizationID: "a b", Environment: "test"}, nil, store.ErrInvalid},
		"with a key but without a secret": {store.Organization{OrganizationID: "acme", Environment: "test", KeyID: "k"}, nil, store.ErrInvalid},
	} {
		if _, err := s.InsertOrganization(t.Context(), c.organization, c.secret, store.AuditEntry{Actor: "test", Action: "organization.create"}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// A refused change leaves no audit row behind: both are one transaction.
	if audit, err := s.ListAudit(t.Context(), store.AuditFilter{}); err != nil || len(audit) != 1 {
		t.Errorf("audit has %d rows, %v; want 1", len(audit), err)
	}
}

func TestOrganizationWithoutCredentialsHasNoSecret(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o, err := s.InsertOrganization(t.Context(), store.Organization{OrganizationID: "bare", Environment: "test", Name: "bare"}, nil, store.AuditEntry{Actor: "test", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.OrganizationSecret(t.Context(), o.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("OrganizationSecret: %v, want ErrNotFound", err)
	}
}

func TestNewSignatureKeyReplacesTheFormerAndKeepsIt(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	o := newOrganization(t, s, "acme")
	for _, id := range []string{"first", "second"} {
		if _, err := s.InsertSignatureKey(t.Context(), store.SignatureKey{OrganizationID: o.ID, KeyID: id, Key: store.Secret(id + " bytes")}); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := s.SignatureKeys(t.Context(), o.ID)
	if err != nil || len(keys) != 2 {
		t.Fatalf("SignatureKeys = %v, %v; want two", keys, err)
	}
	if keys[0].KeyID != "second" || !keys[0].ReplacedAt.IsZero() || string(keys[0].Key) != "second bytes" {
		t.Errorf("the current key is %+v, want the second", keys[0])
	}
	if keys[1].KeyID != "first" || keys[1].ReplacedAt.IsZero() || string(keys[1].Key) != "first bytes" {
		t.Errorf("the former key is %+v, want the first, replaced, still with its bytes", keys[1])
	}
	listed, err := s.ListSignatureKeys(t.Context(), 0)
	if err != nil || len(listed) != 2 || listed[0].Key != nil {
		t.Errorf("ListSignatureKeys = %+v, %v; want two without their bytes", listed, err)
	}
}
