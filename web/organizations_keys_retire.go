package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
	orgviews "github.com/switchboardhq/switchboard/views/organizations"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/rejected"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Fields of the form that retires a digital signature key.
const (
	retireWhenField = "when"
	retireAtField   = "at"

	retireNow   = "now"
	retireLater = "later"
	retireWord  = "retire"
)

// maxKeyYears bounds an end: Cybersource's keys last three years.
const maxKeyYears = 5

// formerKeyEnd is when a key of an organization that is replaced now retires: when no late retry can carry it any more.
func (s *Server) formerKeyEnd(ctx context.Context, organizationID int64) (time.Time, error) {
	policies, err := s.store.ListRetryPolicies(ctx, organizationID)
	if err != nil {
		return time.Time{}, err
	}
	return jobs.ReplacedKeyEnd(s.now(), policies), nil
}

// signatureKeyItem words what a key can do now.
func (s *Server) signatureKeyItem(c echo.Context, o store.Organization, k store.SignatureKey) orgviews.Key {
	now := s.now()
	item := orgviews.Key{ID: k.KeyID, CreatedAt: k.CreatedAt, EndsAt: keyEnd(k), Detail: k.RetireReason}
	current := k.ReplacedAt.IsZero()
	switch {
	case k.Retired(now):
		item.Tone, item.State = ui.Neutral, "Retired"
		if item.Detail == "" {
			item.Detail = "No late retry can carry it any more."
		}
	case k.Unreadable:
		item.Tone, item.State = ui.Bad, "Cannot be opened"
		item.Detail = "It was sealed with an encryption key that this server does not have. What it signs is answered 503, so that Cybersource tries again. Give the server that encryption key."
	case !current:
		item.Tone, item.State = ui.Waiting, "Replaced, verifies late retries"
	case !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(now):
		item.Tone, item.State = ui.Bad, "Expired"
	case !k.RetiredAt.IsZero():
		item.Tone, item.State = ui.Waiting, "In use, retires soon"
	default:
		item.Tone, item.State = ui.Good, "In use"
	}
	if !k.Retired(now) {
		item.Retire = ui.Action{
			Label: "Retire", Href: paths.RetireSignatureKeyOf(o.ID, k.ID), Icon: ui.IconPower, Small: true, Reason: whyNotAddKey(c),
			Attrs: templ.Attributes{"data-testid": "retire-key", "aria-label": "Retire key " + k.KeyID},
		}
	}
	return item
}

// keyEnd is from when on a key verifies nothing, zero when that is not known.
func keyEnd(k store.SignatureKey) time.Time {
	if k.ExpiresAt.IsZero() || !k.RetiredAt.IsZero() && k.RetiredAt.Before(k.ExpiresAt) {
		return k.RetiredAt
	}
	return k.ExpiresAt
}

// signatureKeyOf is the key that the path names.
func (s *Server) signatureKeyOf(c echo.Context) (store.Organization, store.SignatureKey, error) {
	o, err := s.organizationOf(c)
	if err != nil {
		return o, store.SignatureKey{}, err
	}
	keys, err := s.store.ListSignatureKeys(c.Request().Context(), o.ID)
	if err != nil {
		return o, store.SignatureKey{}, err
	}
	id, parseErr := strconv.ParseInt(c.Param("key"), 10, 64)
	i := slices.IndexFunc(keys, func(k store.SignatureKey) bool { return k.ID == id })
	if parseErr != nil || i < 0 {
		return o, store.SignatureKey{}, fmt.Errorf("get signature key %q of organization %d: %w", c.Param("key"), o.ID, store.ErrNotFound)
	}
	return o, keys[i], nil
}

// confirmRetireSignatureKey asks when a key shall retire, and why.
func (s *Server) confirmRetireSignatureKey(c echo.Context) error {
	o, k, err := s.signatureKeyOf(c)
	if err != nil {
		return err
	}
	if k.Retired(s.now()) {
		return userError(http.StatusConflict, "This key is retired already.", nil)
	}
	return s.askRetireSignatureKey(c, http.StatusOK, o, k, emptyForm())
}

func (s *Server) askRetireSignatureKey(c echo.Context, status int, o store.Organization, k store.SignatureKey, f *form) error {
	clock := s.clock(c)
	later := f.typed(retireWhenField) == retireLater
	m := orgviews.RetireKey{
		Frame:  s.page(c, "Retire signature key", crumb("Organizations", paths.Organizations), crumb(o.Name, paths.ShowOrganization(o.ID)), narrow()),
		Action: paths.RetireSignatureKeyOf(o.ID, k.ID), Errors: f.summary(), Important: k.ReplacedAt.IsZero(),
		Happens: []string{
			"From then on the key verifies nothing, on all replicas within a moment. Whoever else has it can plant nothing any more.",
			"Deliveries that are still signed with it, genuine late retries too, are rejected as “Retired key” and kept in quarantine.",
			"What it has verified stays. Cybersource is not told: it offers no way to take a key back.",
			"An end that lies ahead can still be changed. Once the key is retired, it stays so.",
		},
		What: []ui.Pair{{Name: "Key id", Value: k.KeyID, Mono: true}, {Name: "Created", Value: clock.Absolute(k.CreatedAt)}},
		When: ui.Field{Name: retireWhenField, Label: "When", Error: f.problem(retireWhenField), Options: []ui.Option{
			{Value: retireNow, Label: "Now", Selected: !later}, {Value: retireLater, Label: "At the time below", Selected: later},
		}},
		At: ui.Field{
			Name: retireAtField, Label: "Time", Type: "datetime-local", Value: f.typed(retireAtField), Error: f.problem(retireAtField),
			Hint: "In " + s.lookOf(c).zoneSwitch(s.now()).Label + ". It is read only when you choose “At the time below”.",
		},
		Why:    s.whyField(f, "It stands beside the key and in the audit log."),
		Button: ui.Action{Label: "Retire key", Kind: ui.Danger, Icon: ui.IconPower, Attrs: templ.Attributes{"data-testid": "confirm-retire"}},
		Back:   ui.Action{Label: "Keep it", Href: paths.ShowOrganization(o.ID), Kind: ui.Quiet},
	}
	if m.Important {
		m.Happens = slices.Insert(m.Happens, 0, "Cybersource signs with this key now. Rotate the key first, on the Security tab of a subscription: until then every new notification of "+o.Name+" is rejected.")
	} else {
		m.What = append(m.What, ui.Pair{Name: "Replaced", Value: clock.Absolute(k.ReplacedAt)})
	}
	if end := keyEnd(k); !end.IsZero() {
		m.What = append(m.What, ui.Pair{Name: "Ends so far", Value: clock.Absolute(end)})
	}
	if s.needsTypedName() {
		m.Confirm = ui.Field{
			Name: rejected.FieldConfirm, Label: "Type the word " + retireWord, Required: true, Autocomplete: "off",
			Error: f.problem(rejected.FieldConfirm), Value: f.typed(rejected.FieldConfirm),
		}
	}
	return s.render(c, status, orgviews.RetireKeyPage(m))
}

// retireSignatureKey takes a key back.
func (s *Server) retireSignatureKey(c echo.Context) error {
	o, k, err := s.signatureKeyOf(c)
	if err != nil {
		return err
	}
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	at, now := s.retireTime(c, f), s.now()
	why := f.required(rejected.FieldWhy, maxWhyRunes, "Say why, for those who read it later.")
	if s.needsTypedName() && f.text(rejected.FieldConfirm, maxWhyRunes) != retireWord {
		f.fail(rejected.FieldConfirm, "This is not the word, so nothing was retired.")
	}
	if !f.ok() {
		return s.askRetireSignatureKey(c, http.StatusUnprocessableEntity, o, k, f)
	}
	audit := s.audit(c, "signature_key.retire")
	audit.Detail = why
	if audit.Before, err = json.Marshal(map[string]any{"ends": keyEnd(k)}); err == nil {
		audit.After, err = json.Marshal(map[string]any{"ends": at, "reason": why})
	}
	if err != nil {
		return fmt.Errorf("describe the end of key %s: %w", k.KeyID, err)
	}
	err = s.store.RetireSignatureKey(c.Request().Context(), o.ID, k.ID, at, why, audit)
	if errors.Is(err, store.ErrConflict) {
		return userError(http.StatusConflict, "This key is retired already.", err)
	}
	if err != nil {
		return err
	}
	done := "The key is retired. It verifies nothing any more."
	if at.After(now) {
		done = "The key retires at " + s.clock(c).Absolute(at) + "."
	}
	s.flash(c, ui.Good, done)
	return s.redirect(c, paths.ShowOrganization(o.ID))
}

// retireTime reads when a key shall retire.
func (s *Server) retireTime(c echo.Context, f *form) time.Time {
	now := s.now()
	if f.choice(retireWhenField, retireNow, retireLater) == retireNow {
		return now
	}
	at, err := time.ParseInLocation("2006-01-02T15:04", f.text(retireAtField, 40), s.clock(c).Zone)
	switch {
	case err != nil:
		f.fail(retireAtField, "Choose the day and the time at which the key shall retire, such as 2027-01-31T18:00.")
	case !at.After(now):
		f.fail(retireAtField, "This time has passed. Choose a later one, or “Now”.")
	case at.After(now.AddDate(maxKeyYears, 0, 0)):
		f.fail(retireAtField, fmt.Sprintf("Choose a time within %d years.", maxKeyYears))
	}
	return at
}
