package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	orgviews "github.com/switchboardhq/switchboard/views/organizations"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Fields of the form for a digital signature key, and the states that it may have.
const (
	keyIDField     = "key_id"
	keySecretField = "secret"
	keyStateField  = "state"
	keyEndsField   = "ends"

	keyCurrent = "current"
	keyFormer  = "former"
)

func addKeyAction(c echo.Context, o store.Organization) ui.Action {
	a := ui.Action{Label: "Add a key made elsewhere", Href: paths.NewSignatureKeyOf(o.ID), Icon: ui.IconKeys, Small: true, Attrs: templ.Attributes{"data-testid": "new-key"}}
	a.Reason = whyNotAddKey(c)
	return a
}

func whyNotAddKey(c echo.Context) string {
	if u := currentUser(c); !u.Role.Allows(store.RoleAdministrator) {
		return "Only an administrator can add keys."
	}
	return ""
}

// newSignatureKey asks for a digital signature key that somebody made at Cybersource without Switchboard: what it signed is in quarantine.
func (s *Server) newSignatureKey(c echo.Context) error {
	o, err := s.organizationOf(c)
	if err != nil {
		return err
	}
	f := emptyForm()
	f.values.Set(keyIDField, cutRunes(c.QueryParam(keyParam), 200))
	return s.askSignatureKey(c, http.StatusOK, o, f)
}

func (s *Server) askSignatureKey(c echo.Context, status int, o store.Organization, f *form) error {
	state := f.typed(keyStateField)
	return s.render(c, status, orgviews.KeyPage(orgviews.KeyForm{
		Frame: s.page(c, "Add a digital signature key", crumb("Organizations", paths.Organizations), crumb(o.Name, paths.ShowOrganization(o.ID)), narrow(),
			describe("For a key that was made at Cybersource without Switchboard. What it signed is in quarantine until the key is here; judge that again afterwards.")),
		Action: paths.SignatureKeysOf(o.ID), Cancel: paths.ShowOrganization(o.ID), Errors: f.summary(),
		KeyID: ui.Field{Name: keyIDField, Label: "Key id", Required: true, Mono: true, Autocomplete: "off", Value: f.typed(keyIDField), Error: f.problem(keyIDField), Hint: "As deliveries name it; the page of a rejected one shows it."},
		Secret: ui.Field{
			Name: keySecretField, Label: "Key", Type: "password", Required: true, Mono: true, Autocomplete: "off", Error: f.problem(keySecretField),
			Hint: "Base64, as Cybersource gave it out once to whoever made the key. It is stored sealed and never shown again.",
		},
		State: ui.Field{Name: keyStateField, Label: "Which key is it", Error: f.problem(keyStateField), Options: []ui.Option{
			{Value: keyCurrent, Label: "The present one: Cybersource signs with it now", Selected: state != keyFormer},
			{Value: keyFormer, Label: "A former one: only late retries carry it, and it retires after the last of them", Selected: state == keyFormer},
		}},
		Ends: ui.Field{Name: keyEndsField, Label: "Ends on", Type: "date", Value: f.typed(keyEndsField), Error: f.problem(keyEndsField), Hint: "Leave it empty if you do not know. What is signed later is rejected."},
	}))
}

// addSignatureKey keeps a digital signature key that was made elsewhere.
func (s *Server) addSignatureKey(c echo.Context) error {
	o, err := s.organizationOf(c)
	if err != nil {
		return err
	}
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	k := s.signatureKeyFrom(f, o)
	if !f.ok() {
		return s.askSignatureKey(c, http.StatusUnprocessableEntity, o, f)
	}
	if err := s.endFormerKey(c.Request().Context(), &k); err != nil {
		return err
	}
	audit := s.audit(c, "signature_key.add")
	audit.ObjectKind, audit.ObjectID, audit.ObjectName, audit.OrganizationID = "signature_key", k.KeyID, k.KeyID, o.ID
	if audit.After, err = json.Marshal(map[string]any{"key_id": k.KeyID, "former": !k.ReplacedAt.IsZero(), "ends": f.typed(keyEndsField)}); err != nil {
		return fmt.Errorf("describe key %s: %w", k.KeyID, err)
	}
	err = s.store.AddSignatureKey(c.Request().Context(), k, audit)
	if errors.Is(err, store.ErrConflict) {
		f.fail(keyIDField, "This organization has a key of this id already.")
		return s.askSignatureKey(c, http.StatusUnprocessableEntity, o, f)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, "The key is stored. What it signed and was rejected can be judged again.", "Show rejected deliveries", paths.With(paths.Rejected, keyParam, k.KeyID))
	return s.redirect(c, paths.ShowOrganization(o.ID))
}

// endFormerKey gives the former key, the one added or the one that it replaces, an end after its last retry.
func (s *Server) endFormerKey(ctx context.Context, k *store.SignatureKey) error {
	end, err := s.formerKeyEnd(ctx, k.OrganizationID)
	if err != nil {
		return err
	}
	if k.ReplacedAt.IsZero() {
		k.FormerRetiresAt = end
	} else {
		k.RetiredAt = end
	}
	return nil
}

func (s *Server) signatureKeyFrom(f *form, o store.Organization) store.SignatureKey {
	k := store.SignatureKey{OrganizationID: o.ID, KeyID: f.typedID(keyIDField, "Type the id of the key.")}
	secret := f.sharedSecret(keySecretField)
	if len(secret) == 0 {
		f.fail(keySecretField, "This is not a whole key: it should be base64, often ending in =. Copy it again from where it was made.")
	}
	k.Key = store.Secret(secret)
	switch f.text(keyStateField, 20) {
	case keyCurrent:
	case keyFormer:
		k.ReplacedAt = s.now()
	default:
		f.fail(keyStateField, "Choose which key it is.")
	}
	if ends := f.text(keyEndsField, 20); ends != "" {
		var err error
		if k.ExpiresAt, err = time.Parse(time.DateOnly, ends); err != nil {
			f.fail(keyEndsField, "This is not a date. Write it as 2027-01-31, or leave it empty.")
		}
	}
	return k
}
