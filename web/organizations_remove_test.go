package web_test

import (
	"net/http"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// mistyped is an organization that somebody has added under a wrong id.
func mistyped(t *testing.T, srv *webtest.Server) store.Organization {
	t.Helper()
	o, err := srv.Store.InsertOrganization(t.Context(), store.Organization{
		OrganizationID: "mistyped_org", Environment: "sandbox", Name: "Second", MerchantID: "mistyped_org", KeyID: "0d1f2a3b-0000-4000-8000-000000000000",
	}, []byte("a secret of thirty-two bytes ok."), store.AuditEntry{Actor: "test", Action: "organization.create"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOrganizationIsCorrected(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	o := mistyped(t, srv)
	in := srv.As(store.RoleAdministrator)
	edit := func() *webtest.Form { return in.Get(paths.EditOrganizationOf(o.ID)).Form("organization-form") }
	edit().Set("organization_id", srv.Organization.OrganizationID).Submit().Wants(http.StatusUnprocessableEntity).Says("Another organization here has this id.")
	edit().Set("organization_id", "no spaces please").Submit().Wants(http.StatusUnprocessableEntity)
	edit().Set("organization_id", "right_org").Submit().Wants(http.StatusSeeOther)
	after, err := srv.Store.GetOrganization(t.Context(), o.ID)
	if err != nil || after.OrganizationID != "right_org" {
		t.Fatalf("the organization is %+v, %v", after, err)
	}
	if secret, err := srv.Store.OrganizationSecret(t.Context(), o.ID); err != nil || string(secret) != "a secret of thirty-two bytes ok." {
		t.Errorf("its secret is lost: %v", err)
	}
}

func TestOrganizationIsRemoved(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	o := mistyped(t, srv)
	in := srv.As(store.RoleAdministrator)
	srv.As(store.RoleEditor).Get(paths.RemoveOrganizationOf(o.ID)).Wants(http.StatusForbidden)
	srv.As(store.RoleEditor).Post(paths.RemoveOrganizationOf(o.ID), nil).Wants(http.StatusForbidden)
	page := in.Get(paths.ShowOrganization(o.ID))
	question := in.Get(page.ByTestID("remove-organization-link").Attr("href")).Wants(http.StatusOK).Says("Nothing changes at Cybersource")
	question.Form("remove-organization").Submit().Wants(http.StatusSeeOther).Follow().Says("Second is removed.")
	in.Get(paths.ShowOrganization(o.ID)).Wants(http.StatusNotFound)
	in.Get(paths.AuditLog).Says("Organization removed", "mistyped_org")
	var left int
	if err := srv.Store.Pool().QueryRow(t.Context(), "SELECT count(*) FROM organizations WHERE id = $1", o.ID).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d are left, %v", left, err)
	}
}

func TestUsedOrganizationStays(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	filledForm(srv.As(store.RoleEditor)).Submit().Wants(http.StatusSeeOther)
	in := srv.As(store.RoleAdministrator)
	page := in.Get(paths.ShowOrganization(srv.Organization.ID)).Says("It has had a subscription", "Cybersource has accepted these credentials")
	if page.Has("remove-organization-link") {
		t.Error("the page offers to remove it")
	}
	in.Get(paths.RemoveOrganizationOf(srv.Organization.ID)).Wants(http.StatusConflict)
	in.Post(paths.RemoveOrganizationOf(srv.Organization.ID), nil).Wants(http.StatusConflict)
	form := in.Get(paths.EditOrganizationOf(srv.Organization.ID)).Form("organization-form")
	if form.Values.Has("organization_id") {
		t.Error("its id can be changed")
	}
}
