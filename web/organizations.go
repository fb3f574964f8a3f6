package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	orgviews "github.com/switchboardhq/switchboard/views/organizations"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// organizationIDForm is what Cybersource gives; the database checks the same.
var organizationIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{2,100}$`)

func (s *Server) listOrganizations(c echo.Context) error {
	m := orgviews.List{
		Frame:     s.page(c, "Organizations", describe("The Cybersource organizations whose webhooks Switchboard looks after.")),
		CanChange: currentUser(c).Role.Allows(store.RoleAdministrator),
	}
	for _, o := range organizations(c) {
		m.Items = append(m.Items, organizationItem(c, o))
	}
	return s.render(c, http.StatusOK, orgviews.ListPage(m))
}

func organizationItem(c echo.Context, o store.Organization) orgviews.Item {
	current, _ := currentOrganization(c)
	return orgviews.Item{
		Name: o.Name, OrganizationID: o.OrganizationID, MerchantID: o.MerchantID, KeyID: o.KeyID,
		Href: paths.ShowOrganization(o.ID), Current: o.ID == current.ID, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
}

// organizationOf is the organization that the path names, if it belongs to the console's environment.
func (s *Server) organizationOf(c echo.Context) (store.Organization, error) {
	id, err := idParam(c)
	if err != nil {
		return store.Organization{}, err
	}
	o, err := s.store.GetOrganization(c.Request().Context(), id)
	if err == nil && o.Environment != s.environment {
		return store.Organization{}, fmt.Errorf("get organization %d: it belongs to %s: %w", id, o.Environment, store.ErrNotFound)
	}
	return o, err
}

func (s *Server) showOrganization(c echo.Context) error {
	o, err := s.organizationOf(c)
	if err != nil {
		return err
	}
	m, err := s.organizationPage(c, o)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, orgviews.ShowPage(m))
}

func (s *Server) organizationPage(c echo.Context, o store.Organization) (orgviews.Show, error) {
	keys, err := s.store.SignatureKeys(c.Request().Context(), o.ID) // opened, to say which cannot be
	if err != nil {
		return orgviews.Show{}, err
	}
	m := orgviews.Show{
		Frame: s.page(c, o.Name, crumb("Organizations", paths.Organizations)), Item: organizationItem(c, o),
		CanChange: currentUser(c).Role.Allows(store.RoleAdministrator),
		EditHref:  paths.EditOrganizationOf(o.ID), CheckAction: paths.CheckOrganizationOf(o.ID), SwitchAction: paths.SwitchToOrganization(o.ID),
		AddKey:        addKeyAction(c, o),
		Subscriptions: paths.With(paths.Subscriptions, "organization", fmt.Sprint(o.ID)),
		Trail:         paths.With(paths.AuditLog, "kind", "organization", "object", fmt.Sprint(o.ID)),
	}
	if m.Remove, err = s.removeAction(c, o); err != nil {
		return orgviews.Show{}, err
	}
	if m.Check, err = s.lastAnswer(c.Request().Context(), o); err != nil {
		return orgviews.Show{}, err
	}
	if _, err := s.store.OrganizationSecret(c.Request().Context(), o.ID); errors.Is(err, store.ErrSealBroken) {
		m.SecretUnreadable = true
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		return orgviews.Show{}, err
	}
	for _, k := range keys {
		m.Item.Keys = append(m.Item.Keys, s.signatureKeyItem(c, o, k))
	}
	return m, nil
}

// checkOrganization tries the credentials and says how it went. It changes nothing, so its answer is the page itself.
func (s *Server) checkOrganization(c echo.Context) error {
	o, err := s.organizationOf(c)
	if err != nil {
		return err
	}
	m, err := s.organizationPage(c, o)
	if err != nil {
		return err
	}
	m.Check = s.tryCredentials(c.Request().Context(), o)
	return s.renderPart(c, http.StatusOK, orgviews.ShowPage(m), orgviews.CheckPart(m))
}

// tryCredentials asks Cybersource for the organization's products, the smallest question that needs right credentials.
func (s *Server) tryCredentials(ctx context.Context, o store.Organization) orgviews.Check {
	products, err := s.askProducts(ctx, o)
	check := orgviews.Check{At: s.now()}
	if err != nil {
		s.logCybersource(ctx, "check credentials of "+o.OrganizationID, err)
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrSealBroken):
		check.Tone, check.Title = ui.Bad, "The secret cannot be read"
		check.Text = "It was sealed with an encryption key that this server does not have. Give the server that key, or enter the credentials again."
		return check
	case errors.Is(err, cybs.ErrNotFound):
		check.Tone, check.Title = ui.Waiting, "Accepted, but enabled for no product"
		check.Text = "The credentials are right. Ask Cybersource to enable webhooks for this organization. " + cybersourceText(err)
		return check
	case err != nil:
		check.Tone, check.Title, check.Text = ui.Bad, "This did not work", cybersourceText(err)
		return check
	case len(products) == 0:
		check.Tone, check.Title = ui.Waiting, "Accepted, but enabled for no product"
		check.Text = "The credentials are right. Ask Cybersource to enable the products whose events you want to hear of."
		return check
	}
	check.Tone, check.Title = ui.Good, "Cybersource accepts the credentials"
	check.Text = "The organization is enabled for " + plural(len(products), "product", "products") + "."
	if len(products) == 1 {
		check.Text = "The organization is enabled for one product."
	}
	for _, p := range products {
		check.Products = append(check.Products, orgviews.Product{ID: p.ID, Name: p.Name, EventTypes: len(p.EventTypes)})
	}
	return check
}

// askProducts asks Cybersource what an organization is enabled for.
func (s *Server) askProducts(ctx context.Context, o store.Organization) ([]cybs.Product, error) {
	ctx, cancel := asking(ctx)
	defer cancel()
	client, err := s.client(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("make client for %s: %w", o.OrganizationID, err)
	}
	return client.ListProducts(ctx, o.OrganizationID)
}

func (s *Server) newOrganization(c echo.Context) error {
	return s.renderOrganizationForm(c, http.StatusOK, emptyForm(), store.Organization{})
}

func (s *Server) createOrganization(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	o := store.Organization{Environment: s.environment, OrganizationID: organizationIDFrom(f)}
	secret := credentialsFrom(f, &o)
	if len(secret) == 0 && f.ok() {
		f.fail("secret", "Type the secret that belongs to the key id.")
	}
	if !f.ok() {
		return s.renderOrganizationForm(c, http.StatusUnprocessableEntity, f, store.Organization{})
	}
	entry := s.audit(c, "organization.create")
	if entry.After, err = organizationJSON(o, "entered"); err != nil {
		return err
	}
	made, err := s.store.InsertOrganization(c.Request().Context(), o, secret, entry)
	if errors.Is(err, store.ErrConflict) {
		f.fail("organization_id", "This organization is here already.")
		return s.renderOrganizationForm(c, http.StatusUnprocessableEntity, f, store.Organization{})
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, made.Name+" is added. Check its credentials next.")
	return s.redirect(c, paths.ShowOrganization(made.ID))
}

func (s *Server) editOrganization(c echo.Context) error {
	o, err := s.organizationOf(c)
	if err != nil {
		return err
	}
	return s.renderOrganizationForm(c, http.StatusOK, emptyForm(), o)
}

func (s *Server) updateOrganization(c echo.Context) error {
	o, err := s.organizationOf(c)
	if err != nil {
		return err
	}
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	if f.values.Get(orgviews.FieldVersion) != stateOfOrganization(o) {
		return s.refuseStaleOrganization(c, f, o)
	}
	changed := o
	used, err := s.store.OrganizationUsed(c.Request().Context(), o.ID)
	if err != nil {
		return err
	}
	if !used && f.has("organization_id") {
		changed.OrganizationID = organizationIDFrom(f)
	}
	secret := credentialsFrom(f, &changed)
	said := "replaced"
	switch {
	case len(secret) > 0 || !f.ok():
	case changed.KeyID != o.KeyID:
		f.fail("secret", "Type the secret that belongs to the new key id.")
	default:
		said = "stored"
		if secret, err = s.store.OrganizationSecret(c.Request().Context(), o.ID); errors.Is(err, store.ErrSealBroken) || errors.Is(err, store.ErrNotFound) {
			f.fail("secret", "The stored secret cannot be read. Type it again.")
		} else if err != nil {
			return err
		}
	}
	if !f.ok() {
		return s.renderOrganizationForm(c, http.StatusUnprocessableEntity, f, o)
	}
	entry := s.audit(c, "organization.update")
	if entry.Before, err = organizationJSON(o, "stored"); err != nil {
		return err
	}
	if entry.After, err = organizationJSON(changed, said); err != nil {
		return err
	}
	err = s.saveOrganization(c.Request().Context(), o, changed, secret, entry)
	if errors.Is(err, errOrganizationTaken) {
		f.fail("organization_id", "Another organization here has this id.")
		return s.renderOrganizationForm(c, http.StatusUnprocessableEntity, f, o)
	}
	if errors.Is(err, store.ErrConflict) {
		if o, err = s.organizationOf(c); err != nil {
			return err
		}
		return s.refuseStaleOrganization(c, f, o)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, "Saved. Check the credentials next.")
	return s.redirect(c, paths.ShowOrganization(o.ID))
}

// organizationIDFrom reads Cybersource's id of an organization.
func organizationIDFrom(f *form) string {
	return f.accountID("organization_id", "Type the organization's id, as the Business Center shows it.", "An organization's id has letters, digits, - and _ only.")
}

// stateOfOrganization tells one state of an organization from the next.
func stateOfOrganization(o store.Organization) string {
	return o.UpdatedAt.UTC().Format(time.RFC3339Nano)
}

// refuseStaleOrganization gives the form back, with what was typed, when somebody else has changed the organization since it was made.
func (s *Server) refuseStaleOrganization(c echo.Context, f *form, now store.Organization) error {
	f.fail("name", fmt.Sprintf("Somebody else has changed this organization meanwhile: it is called “%s” and uses key %s now. Nothing of yours was saved. Save again to replace that.", now.Name, now.KeyID))
	return s.renderOrganizationForm(c, http.StatusConflict, f, now)
}

// credentialsFrom reads what may change of an organization, and the secret if one was typed.
func credentialsFrom(f *form, o *store.Organization) cybs.Secret {
	o.Name = f.required("name", 100, "Type a name, as your team calls it.")
	o.MerchantID = f.accountID("merchant_id", "Type the merchant id that signs requests; it is often the organization's id.", "A merchant id has letters, digits, - and _ only.")
	o.KeyID = f.typedID("key_id", "Type the id of the REST shared-secret key.")
	return f.sharedSecret("secret")
}

func (s *Server) renderOrganizationForm(c echo.Context, status int, f *form, o store.Organization) error {
	value := func(name, stored string) string {
		if f.has(name) {
			return f.typed(name)
		}
		return stored
	}
	field := func(name, label, stored, hint string, mono bool) ui.Field {
		return ui.Field{Name: name, Label: label, Value: value(name, stored), Error: f.problem(name), Hint: hint, Required: true, Mono: mono, Autocomplete: "off"}
	}
	m := orgviews.Form{
		New: o.ID == 0, Errors: f.summary(),
		Name:           field("name", "Name", o.Name, "As your team calls it.", false),
		OrganizationID: field("organization_id", "Organization id", o.OrganizationID, "It cannot be changed once the organization has a subscription.", true),
		MerchantID:     field("merchant_id", "Merchant id", o.MerchantID, "The merchant whose REST key signs requests; often the organization itself.", true),
		KeyID:          field("key_id", "REST key id", o.KeyID, "Business Center, Payment configuration, Key management: a REST shared-secret key.", true),
		Secret: ui.Field{
			Name: "secret", Label: "REST secret", Type: "password", Error: f.problem("secret"), Autocomplete: "off", Mono: true, Required: o.KeyID == "",
			Hint: "Base64, as it was shown once. It is stored sealed and never shown again.",
		},
	}
	if m.New {
		m.Frame = s.page(c, "Add organization", crumb("Organizations", paths.Organizations), narrow())
		m.Action, m.Submit, m.Cancel = paths.Organizations, "Add organization", paths.Organizations
	} else {
		m.Frame = s.page(c, "Change "+o.Name, crumb("Organizations", paths.Organizations), crumb(o.Name, paths.ShowOrganization(o.ID)), narrow())
		m.Action, m.Submit, m.Cancel = paths.ShowOrganization(o.ID), "Save organization", paths.ShowOrganization(o.ID)
		m.Version = stateOfOrganization(o)
		used, err := s.store.OrganizationUsed(c.Request().Context(), o.ID)
		if err != nil {
			return err
		}
		if used {
			m.OrganizationID = ui.Field{}
		}
		m.Secret.Hint = "Leave it empty to keep the stored one. It is stored sealed and never shown."
	}
	return s.render(c, status, orgviews.FormPage(m))
}

// switchOrganization makes an organization the chosen one of this session.
func (s *Server) switchOrganization(c echo.Context) error {
	o, err := s.organizationOf(c)
	if err != nil {
		return err
	}
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	v := mustVisit(c)
	v.data.OrganizationID, v.changed = o.ID, true
	to := paths.ShowOrganization(o.ID)
	if f.has("return") {
		to = localPath(f.values.Get("return"))
	}
	return s.redirect(c, to)
}

// organizationJSON is what the audit log keeps of an organization. The secret is only a word.
func organizationJSON(o store.Organization, secret string) (json.RawMessage, error) {
	raw, err := json.Marshal(map[string]string{
		"organization_id": o.OrganizationID, "environment": o.Environment, "name": o.Name, "merchant_id": o.MerchantID, "key_id": o.KeyID, "secret": secret,
	})
	if err != nil {
		return nil, fmt.Errorf("describe organization %s: %w", o.OrganizationID, err)
	}
	return raw, nil
}
