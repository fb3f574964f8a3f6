package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/team"
	"github.com/switchboardhq/switchboard/views/ui"
)

func (s *Server) listTeam(c echo.Context) error {
	people, err := s.store.ListUsers(c.Request().Context())
	if err != nil {
		return err
	}
	m := team.List{
		Frame:     s.page(c, "Team", describe("Who may sign in, and what they may do.")),
		CanChange: currentUser(c).Role.Allows(store.RoleAdministrator),
	}
	for _, u := range people {
		p := personOf(c, u)
		if m.CanChange {
			p.Href = paths.ShowMember(u.ID)
		}
		m.People = append(m.People, p)
	}
	return s.render(c, http.StatusOK, team.ListPage(m))
}

func personOf(c echo.Context, u store.User) team.Person {
	return team.Person{
		Name: u.Name, Email: u.Email, Role: string(u.Role), You: u.ID == currentUser(c).ID,
		Disabled: !u.DisabledAt.IsZero(), DisabledAt: u.DisabledAt, CreatedAt: u.CreatedAt, LastSignInAt: u.LastSignInAt,
	}
}

func (s *Server) newMember(c echo.Context) error {
	return s.renderMemberForm(c, http.StatusOK, emptyForm(), store.RoleViewer)
}

func (s *Server) createMember(c echo.Context) error {
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	u := newPersonFrom(f)
	u.Role = roleFrom(f)
	password := newPasswordFrom(f, u.Email)
	if !f.ok() {
		return s.renderMemberForm(c, http.StatusUnprocessableEntity, f, u.Role)
	}
	ctx := c.Request().Context()
	if u.PasswordHash, err = s.passwords.hash(ctx, password); err != nil {
		return err
	}
	entry := s.audit(c, "user.create")
	if entry.After, err = personJSON(u); err != nil {
		return err
	}
	made, err := s.store.AddUser(ctx, u, entry)
	if errors.Is(err, store.ErrConflict) {
		f.fail("email", "Somebody has this address already. Look for them in the list; they may be disabled.")
		return s.renderMemberForm(c, http.StatusUnprocessableEntity, f, u.Role)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, made.Email+" can sign in now. Tell them their password in person.", "Open", paths.ShowMember(made.ID))
	return s.redirect(c, paths.Team)
}

func (s *Server) renderMemberForm(c echo.Context, status int, f *form, role store.Role) error {
	password, again := newPasswordFields(f, "First password")
	return s.render(c, status, team.FormPage(team.Form{
		Frame:    s.page(c, "Add person", crumb("Team", paths.Team), narrow(), describe("They sign in with their e-mail address and the password you choose, and can change it then.")),
		Errors:   f.summary(),
		Name:     ui.Field{Name: "name", Label: "Name", Value: f.typed("name"), Error: f.problem("name"), Autocomplete: "off"},
		Email:    ui.Field{Name: "email", Label: "E-mail address", Type: "email", Value: f.typed("email"), Error: f.problem("email"), Autocomplete: "off", Required: true},
		Role:     roleField(f, role),
		Password: password, Again: again,
	}))
}

func roleField(f *form, chosen store.Role) ui.Field {
	option := func(role store.Role, label, hint string) ui.Option {
		return ui.Option{Value: string(role), Label: label, Hint: hint, Selected: role == chosen}
	}
	return ui.Field{Name: "role", Label: "Role", Required: true, Error: f.problem("role"), Options: []ui.Option{
		option(store.RoleViewer, "Viewer", "Looks at everything but secrets, and changes nothing."),
		option(store.RoleEditor, "Editor", "Also creates, changes and deletes subscriptions, and makes test events."),
		option(store.RoleAdministrator, "Administrator", "Also changes organizations, their credentials, and people."),
	}}
}

func roleFrom(f *form) store.Role {
	return store.Role(f.choice("role", string(store.RoleViewer), string(store.RoleEditor), string(store.RoleAdministrator)))
}

func (s *Server) showMember(c echo.Context) error {
	u, err := s.memberOf(c)
	if err != nil {
		return err
	}
	return s.renderMember(c, http.StatusOK, u, emptyForm())
}

// memberOf is the person that the path names.
func (s *Server) memberOf(c echo.Context) (store.User, error) {
	id, err := idParam(c)
	if err != nil {
		return store.User{}, err
	}
	return s.store.GetUser(c.Request().Context(), id)
}

// renderMember shows what was typed where a form was refused, else what is stored.
func (s *Server) renderMember(c echo.Context, status int, u store.User, f *form) error {
	p := personOf(c, u)
	name, role := u.Name, u.Role
	if f.has("name") {
		name, role = f.typed("name"), store.Role(f.typed("role"))
	}
	title := u.Name
	if title == "" {
		title = u.Email
	}
	password, again := newPasswordFields(f, "New password")
	return s.render(c, status, team.MemberPage(team.Member{
		Frame: s.page(c, title, crumb("Team", paths.Team), narrow()), Person: p, Errors: f.summary(),
		UpdateAction: paths.ShowMember(u.ID), PasswordAction: paths.MemberPasswordOf(u.ID),
		DisableAction: paths.DisableMemberOf(u.ID), EnableAction: paths.EnableMemberOf(u.ID),
		Name: ui.Field{Name: "name", Label: "Name", Value: name, Error: f.problem("name"), Autocomplete: "off"},
		Role: roleField(f, role), Password: password, Again: again,
		Trail: paths.With(paths.AuditLog, "person", fmt.Sprint(u.ID)),
	}))
}

func (s *Server) updateMember(c echo.Context) error {
	u, err := s.memberOf(c)
	if err != nil {
		return err
	}
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	changed := u
	changed.Name, changed.Role = f.text("name", 100), roleFrom(f)
	if !f.ok() {
		return s.renderMember(c, http.StatusUnprocessableEntity, u, f)
	}
	entry := s.audit(c, "user.update")
	if entry.Before, err = personJSON(u); err != nil {
		return err
	}
	if entry.After, err = personJSON(changed); err != nil {
		return err
	}
	err = s.store.UpdateUser(c.Request().Context(), changed, entry)
	if errors.Is(err, store.ErrLastAdministrator) {
		f.fail("role", "Nobody else is an administrator. Make somebody else one first.")
		return s.renderMember(c, http.StatusUnprocessableEntity, u, f)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, "Saved.")
	if changed.ID == currentUser(c).ID && !changed.Role.Allows(store.RoleAdministrator) {
		return s.redirect(c, paths.Team) // their own page is no longer for them
	}
	return s.redirect(c, paths.ShowMember(u.ID))
}

func (s *Server) updateMemberPassword(c echo.Context) error {
	u, err := s.memberOf(c)
	if err != nil {
		return err
	}
	if u.ID == currentUser(c).ID {
		return s.redirect(c, paths.Password) // which asks for the present one
	}
	f, err := parseForm(c)
	if err != nil {
		return err
	}
	password := newPasswordFrom(f, u.Email)
	if !f.ok() {
		return s.renderMember(c, http.StatusUnprocessableEntity, u, f)
	}
	hash, err := s.passwords.hash(c.Request().Context(), password)
	if err != nil {
		return err
	}
	if err := s.store.ReplaceUserPassword(c.Request().Context(), u, hash, nil, s.audit(c, "user.reset_password")); err != nil {
		return err
	}
	s.flash(c, ui.Good, "The password is new, and "+u.Email+" is signed out everywhere. Tell them in person.")
	return s.redirect(c, paths.ShowMember(u.ID))
}

func (s *Server) disableMember(c echo.Context) error {
	u, err := s.memberOf(c)
	if err != nil {
		return err
	}
	if u.ID == currentUser(c).ID {
		return userError(http.StatusConflict, "You cannot disable yourself. Ask another administrator.", nil)
	}
	err = s.store.DisableUser(c.Request().Context(), u, s.audit(c, "user.disable"))
	if errors.Is(err, store.ErrLastAdministrator) {
		return userError(http.StatusConflict, "Nobody else is an administrator. Make somebody else one first.", err)
	}
	if err != nil {
		return err
	}
	s.flash(c, ui.Good, u.Email+" can no longer sign in.")
	return s.redirect(c, paths.ShowMember(u.ID))
}

func (s *Server) enableMember(c echo.Context) error {
	u, err := s.memberOf(c)
	if err != nil {
		return err
	}
	if err := s.store.EnableUser(c.Request().Context(), u, s.audit(c, "user.enable")); err != nil {
		return err
	}
	s.flash(c, ui.Good, u.Email+" can sign in again.")
	return s.redirect(c, paths.ShowMember(u.ID))
}

// personJSON is what the audit log keeps of a person.
func personJSON(u store.User) (json.RawMessage, error) {
	raw, err := json.Marshal(map[string]string{"email": u.Email, "name": u.Name, "role": string(u.Role)})
	if err != nil {
		return nil, fmt.Errorf("describe user %d: %w", u.ID, err)
	}
	return raw, nil
}
