package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// rename is a change that shows whether it was done.
func rename(t *testing.T, srv *webtest.Server, token string) url.Values {
	t.Helper()
	o, err := srv.Store.GetOrganization(t.Context(), srv.Organization.ID)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{
		"version":    {o.UpdatedAt.UTC().Format(time.RFC3339Nano)},
		ui.CSRFField: {token}, "name": {"Renamed"}, "merchant_id": {srv.Organization.MerchantID}, "key_id": {srv.Organization.KeyID},
	}
}

func TestFormWithoutTheSessionsTokenIsRefused(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in, other := srv.As(store.RoleAdministrator), srv.As(store.RoleAdministrator)
	for name, token := range map[string]string{"missing": "", "wrong": "AAAA", "of another session": other.CSRFToken(), "of a stranger": srv.Stranger().CSRFToken()} {
		page := in.Do(http.MethodPost, paths.ShowOrganization(srv.Organization.ID), rename(t, srv, token))
		if page.Status != http.StatusForbidden {
			t.Errorf("token %s: %d, want 403", name, page.Status)
		}
		page.Says("Reload the page and try again.")
	}
	// A token in the address is not one in the form: addresses are logged, linked and remembered.
	values := rename(t, srv, "")
	values.Del(ui.CSRFField)
	in.Do(http.MethodPost, paths.With(paths.ShowOrganization(srv.Organization.ID), ui.CSRFField, in.CSRFToken()), values).Wants(http.StatusForbidden)
	if o, err := srv.Store.GetOrganization(t.Context(), srv.Organization.ID); err != nil || o.Name != srv.Organization.Name {
		t.Errorf("organization = %+v, %v: a refused form changed it", o, err)
	}
	in.Do(http.MethodPost, paths.ShowOrganization(srv.Organization.ID), rename(t, srv, in.CSRFToken())).Wants(http.StatusSeeOther)
}

func TestFormFromAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	in := srv.As(store.RoleAdministrator)
	token := in.CSRFToken()
	cases := []struct {
		name   string
		client *webtest.Client
		want   int
	}{
		{"cross-site", in.With("Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		{"same-site", in.With("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		{"old browser, foreign origin", in.With("Origin", "https://evil.example"), http.StatusForbidden},
		{"same origin", in.With("Sec-Fetch-Site", "same-origin"), http.StatusSeeOther},
		{"old browser, own origin", in.With("Origin", srv.URL), http.StatusSeeOther},
		{"typed in or no browser", in, http.StatusSeeOther},
	}
	for _, c := range cases {
		page := c.client.Do(http.MethodPost, paths.ShowOrganization(srv.Organization.ID), rename(t, srv, token))
		if page.Status != c.want {
			t.Errorf("%s: %d, want %d", c.name, page.Status, c.want)
		}
	}
	// Strangers' forms are guarded alike.
	srv.Stranger().With("Sec-Fetch-Site", "cross-site").Post(paths.SignIn, nil).Wants(http.StatusForbidden)
	srv.Stranger().Do(http.MethodPost, paths.SignIn, url.Values{}).Wants(http.StatusForbidden)
	srv.Stranger().Do(http.MethodPost, paths.Preferences, url.Values{"theme": {"dark"}}).Wants(http.StatusForbidden)
}
