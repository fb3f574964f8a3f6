// Package webtest gives tests a running console with a real database, receiver and sandbox, and browsers to look at it with.
//
//	srv := webtest.New(t)
//	page := srv.As(store.RoleEditor).Get(paths.NewSubscription).Wants(http.StatusOK)
//	done := page.Form("subscription-form").Set("name", "Tokens").Submit().Wants(http.StatusSeeOther)
//
// Every page that a [Client] fetches is checked for what holds of all pages: no inline script or style, no id twice, one
// h1, a CSRF token in every form that posts. Nothing but tests may import it; their TestMain calls storetest.Main.
package webtest
