package web_test

import (
	"net/http"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func TestFormSaysThatTheServersListIsACeiling(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithConsole(func(cfg *web.Config) {
		cfg.Receiver.Sources = []string{"198.241.206.21", "198.241.207.21", "10.0.0.0/8"}
	}))
	form := filledForm(srv.As(store.RoleEditor))
	page := form.Set(subscriptions.FieldSources, "203.0.113.7").Submit().Wants(http.StatusUnprocessableEntity)
	page.Says("Nobody gets in who is not on the server’s list too (RECEIVER_ALLOW): 198.241.206.21, 198.241.207.21, 10.0.0.0/8", "so every delivery would be rejected")
	filledForm(srv.As(store.RoleEditor)).Set(subscriptions.FieldSources, "203.0.113.7, 0.0.0.0/0").Submit().Wants(http.StatusSeeOther)
}
