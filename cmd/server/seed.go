package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
)

// seed makes the sandbox's organizations known to the console, with the credentials that they have now.
func (a *app) seed(ctx context.Context) error {
	for _, o := range a.sandboxOrgs {
		if err := a.seedOrganization(ctx, o); err != nil {
			return fmt.Errorf("make organization %s known: %w", o.OrganizationID, err)
		}
	}
	if err := a.seedAssertions(ctx); err != nil {
		return fmt.Errorf("register the sandbox's assertion certificate: %w", err)
	}
	return nil
}

func (a *app) seedOrganization(ctx context.Context, o sandbox.Organization) error {
	key := o.Keys[0]
	wanted := store.Organization{
		OrganizationID: o.OrganizationID, Environment: sandboxEnvironment, Name: o.Name, MerchantID: o.MerchantID, KeyID: key.KeyID,
	}
	known, err := a.store.GetOrganizationByName(ctx, o.OrganizationID, sandboxEnvironment)
	if errors.Is(err, store.ErrNotFound) {
		_, err := a.store.InsertOrganization(ctx, wanted, key.Secret, store.AuditEntry{Actor: "switchboard", Action: "organization.create", Detail: "from the sandbox's credentials"})
		if errors.Is(err, store.ErrConflict) { // another replica was first
			return nil
		}
		return err
	}
	if err != nil {
		return err
	}
	secret, err := a.store.OrganizationSecret(ctx, known.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrSealBroken) {
		return err
	}
	if known.KeyID == wanted.KeyID && bytes.Equal(secret, key.Secret) {
		return nil
	}
	wanted.ID, wanted.Name, wanted.UpdatedAt = known.ID, known.Name, known.UpdatedAt
	err = a.store.UpdateOrganizationCredentials(ctx, wanted, key.Secret, store.AuditEntry{Actor: "switchboard", Action: "organization.update", Detail: "the sandbox's credentials changed"})
	if errors.Is(err, store.ErrConflict) { // another replica was first
		return nil
	}
	return err
}

// seedAssertions registers the certificate by which the sandbox signs client assertions (oAuth_JWT) with its organizations; one that somebody
// retired stays so.
func (a *app) seedAssertions(ctx context.Context) error {
	certificate, err := a.sandbox.AssertionCertificate()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(certificate.Raw)
	for _, o := range a.sandboxOrgs {
		known, err := a.store.GetOrganizationByName(ctx, o.OrganizationID, sandboxEnvironment)
		if err != nil {
			return err
		}
		list, err := a.store.ListAssertionCertificates(ctx, known.ID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(c store.AssertionCertificate) bool { return bytes.Equal(c.Fingerprint, sum[:]) }) {
			continue
		}
		_, err = a.store.InsertAssertionCertificate(ctx, known.ID, "", certificate.Raw, store.AuditEntry{Actor: "switchboard", Action: "assertion_certificate.add", Detail: "of the sandbox"})
		if err != nil && !errors.Is(err, store.ErrConflict) { // another replica was first
			return err
		}
	}
	return nil
}

// admit makes sure that somebody can sign in: the configured administrator, or whoever opens the link that is printed.
func (a *app) admit(ctx context.Context) error {
	var err error
	if a.cfg.AdminEmail != "" {
		if a.adminMade, err = a.console.EnsureAdministrator(ctx, a.cfg.AdminEmail, string(a.cfg.AdminPassword)); err != nil {
			return fmt.Errorf("ADMIN_EMAIL and ADMIN_PASSWORD: %w", err)
		}
		return nil
	}
	a.setupLink, err = a.console.NewSetupLink(ctx)
	return err
}
