package deployments

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/webtest"
)

const tokenUpdated = "tokenManagement/tms.networktoken.updated"

// story is what every deployment must allow: sign in, subscribe, receive, see. It returns the browser, signed in.
func story(t *testing.T, p *program, consoleURL string, transport *http.Transport) *webtest.Client {
	t.Helper()
	browser := signIn(t, consoleURL, transport)
	browser.Get(paths.NewSubscription).Wants(http.StatusOK).Form("subscription-form").
		Set(subscriptions.FieldName, "Token events").Set(subscriptions.FieldEvent, tokenUpdated).Submit().Wants(http.StatusSeeOther)
	p.waitFor(t, "the subscription to turn active", func() error {
		return says(browser, paths.Subscriptions, "Active")
	})
	form := browser.Get(paths.Playground).Wants(http.StatusOK).Form("send-event")
	form.Set("event", strings.Replace(tokenUpdated, "/", " ", 1)).Submit().Wants(http.StatusSeeOther)
	p.waitFor(t, "the notification", func() error {
		page := browser.Get(paths.Notifications).Wants(http.StatusOK)
		if !page.Has("notification-row") {
			return errors.New("no notification is listed")
		}
		return nil
	})
	return browser
}

func signIn(t *testing.T, consoleURL string, transport *http.Transport) *webtest.Client {
	t.Helper()
	browser := webtest.NewClient(t, consoleURL, transport)
	browser.Get(paths.SignIn).Wants(http.StatusOK).Form("sign-in").
		Set("email", adminEmail).Set("password", adminPassword).Submit().Wants(http.StatusSeeOther)
	return browser
}

func says(browser *webtest.Client, path, text string) error {
	page := browser.Get(path).Wants(http.StatusOK)
	for _, row := range page.AllByTestID("subscription-status") {
		if strings.HasPrefix(row.Text(), text) {
			return nil
		}
	}
	return fmt.Errorf("%s does not say %q", path, text)
}
