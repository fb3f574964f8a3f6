package web

import (
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/static"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
)

// routes is the whole table: who can reach what, through which middleware, in which order.
func (s *Server) routes(trusted []netip.Prefix) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = clientAddress(trusted)
	e.HTTPErrorHandler = s.handleError

	// Outermost first: recover is inside accessLog, so a panic is logged as a 500 like any other.
	e.Use(s.requestID, s.accessLog, s.recover, s.secureHeaders)

	e.GET(paths.Static, echo.WrapHandler(static.Handler()))
	e.HEAD(paths.Static, echo.WrapHandler(static.Handler()))
	e.GET("/favicon.ico", s.showFavicon)
	e.HEAD("/favicon.ico", s.showFavicon)

	// Browsers. The body is limited before csrf reads the form; sameOrigin is cheap and goes before csrf, which needs the session.
	// No page is for a cache to keep: each holds a token of its session, if only of a stranger's.
	open := table{echo: e, chain: []echo.MiddlewareFunc{s.noStore, s.limit, s.timeout, s.loadSession, s.sameOrigin, s.csrf}}
	open.get(paths.SignIn, s.showSignIn)
	open.post(paths.SignIn, s.signIn)
	open.post(paths.SignOut, s.signOut)
	open.get(paths.SetUp, s.showSetUp)
	open.post(paths.SetUp, s.setUp)
	open.post(paths.Preferences, s.updatePreferences)
	if s.development {
		open.get(paths.Styleguide, s.showStyleguide)
	}

	// Signed in: any role looks. What else a route needs stands behind it.
	in := open.with(s.requireUser)
	s.watchRoutes(in)
	s.operateRoutes(in)
	s.administerRoutes(in)
	if s.sandbox != nil {
		s.sandboxRoutes(in)
	}

	// A stream lives longer than any time-out, and sends nothing that could be stored.
	stream := table{echo: e, chain: []echo.MiddlewareFunc{s.noStore, s.loadSession, s.sameOrigin, s.requireUser}}
	stream.get(paths.LiveNotifications, s.streamChanges)

	// There is no RouteNotFound here on purpose, and no echo.Group with middleware, which makes one: echo prefers such a
	// handler to its answer 405, so a wrong method would be told that the page does not exist. Unknown paths reach
	// handleError like every other error.
	return e
}

func (s *Server) watchRoutes(in table) {
	in.get(paths.Overview, s.showOverview)
	in.get(paths.Notifications, s.listNotifications)
	in.get(paths.Notification, s.showNotification, s.heavy)
	in.get(paths.Rejected, s.listRejected)
	in.get(paths.RejectedDelivery, s.showRejected, s.heavy)
	s.judgementRoutes(in)
	in.get(paths.Ungrouped, s.listUngrouped)
	in.get(paths.Delivery, s.showDelivery)
	in.get(paths.DeliveryBody, s.downloadBody, s.heavy)
	in.get(paths.DeliveryRecord, s.downloadRecord, s.heavy)
}

// judgementRoutes are below the path of one rejected delivery; echo prefers the fixed words.
func (s *Server) judgementRoutes(in table) {
	editor, administrator := s.require(store.RoleEditor), s.require(store.RoleAdministrator)
	in.get(paths.Judgements, s.listJudgements)
	in.post(paths.Judgements, s.createJudgement, editor)
	in.get(paths.NewJudgement, s.newJudgement, editor)
	in.get(paths.Judgement, s.showJudgement)
	in.get(paths.ReleaseJudgement, s.confirmRelease, editor)
	in.post(paths.ReleaseJudgement, s.releaseJudgement, editor)
	in.get(paths.DiscardRejected, s.confirmDiscard, administrator)
	in.post(paths.DiscardRejected, s.discardRejected, administrator)
}

func (s *Server) operateRoutes(in table) {
	editor := s.require(store.RoleEditor)
	in.get(paths.Subscriptions, s.listSubscriptions)
	in.post(paths.Subscriptions, s.createSubscription, editor)
	in.get(paths.NewSubscription, s.newSubscription, editor)
	in.get(paths.Subscription, s.showSubscription, s.heavy)
	in.get(paths.EditSubscription, s.editSubscription, editor)
	in.post(paths.EditSubscription, s.updateSubscription, editor)
	in.post(paths.ActivateSubscription, s.activateSubscription, editor)
	in.get(paths.DeactivateSubscription, s.confirmDeactivateSubscription, editor)
	in.post(paths.DeactivateSubscription, s.deactivateSubscription, editor)
	in.post(paths.TestSubscription, s.testSubscription, editor)
	in.post(paths.RefreshSubscription, s.refreshSubscription, editor)
	in.get(paths.DeleteSubscription, s.confirmDeleteSubscription, editor)
	in.post(paths.DeleteSubscription, s.deleteSubscription, editor)
	in.get(paths.SubscriptionSecurity, s.confirmSecurityDeed, editor)
	in.post(paths.SubscriptionSecurity, s.doSecurityDeed, editor)
}

func (s *Server) administerRoutes(in table) {
	editor, administrator := s.require(store.RoleEditor), s.require(store.RoleAdministrator)
	in.get(paths.AuditLog, s.listAudit)
	in.get(paths.AuditEntry, s.showAudit, s.heavy)

	in.get(paths.Organizations, s.listOrganizations)
	in.get(paths.NewOrganization, s.newOrganization, administrator)
	in.post(paths.Organizations, s.createOrganization, administrator)
	in.get(paths.Organization, s.showOrganization)
	in.get(paths.EditOrganization, s.editOrganization, administrator)
	in.post(paths.Organization, s.updateOrganization, administrator)
	in.get(paths.RemoveOrganization, s.confirmRemoveOrganization, administrator)
	in.post(paths.RemoveOrganization, s.removeOrganization, administrator)
	in.get(paths.NewSignatureKey, s.newSignatureKey, administrator)
	in.post(paths.SignatureKeys, s.addSignatureKey, administrator)
	in.get(paths.RetireSignatureKey, s.confirmRetireSignatureKey, administrator)
	in.post(paths.RetireSignatureKey, s.retireSignatureKey, administrator)
	in.post(paths.CheckOrganization, s.checkOrganization, editor) // it asks with the organization's credentials
	in.post(paths.SwitchOrganization, s.switchOrganization)

	in.get(paths.Team, s.listTeam)
	in.get(paths.NewMember, s.newMember, administrator)
	in.post(paths.Team, s.createMember, administrator)
	in.get(paths.Member, s.showMember, administrator)
	in.post(paths.Member, s.updateMember, administrator)
	in.post(paths.MemberPassword, s.updateMemberPassword, administrator)
	in.post(paths.DisableMember, s.disableMember, administrator)
	in.post(paths.EnableMember, s.enableMember, administrator)

	in.get(paths.KeptForm, s.showKeptForm)
	in.get(paths.Password, s.showPassword)
	in.post(paths.Password, s.updatePassword)
}

func (s *Server) sandboxRoutes(in table) {
	editor := s.require(store.RoleEditor)
	in.get(paths.Playground, s.showPlayground)
	in.post(paths.Playground, s.sendEvent, editor)
	in.post(paths.Trickle, s.setTrickle, editor)
}

// table adds routes that share a chain of middleware. Unlike an echo.Group it adds nothing else.
type table struct {
	echo  *echo.Echo
	chain []echo.MiddlewareFunc
}

// with is a table whose routes pass more middleware.
func (t table) with(more ...echo.MiddlewareFunc) table {
	return table{echo: t.echo, chain: append(t.chain[:len(t.chain):len(t.chain)], more...)}
}

// get answers GET, and HEAD, for which net/http drops the body.
func (t table) get(path string, h echo.HandlerFunc, more ...echo.MiddlewareFunc) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		t.echo.Add(method, path, h, t.with(more...).chain...)
	}
}

func (t table) post(path string, h echo.HandlerFunc, more ...echo.MiddlewareFunc) {
	t.echo.POST(path, h, t.with(more...).chain...)
}
