package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// What came encrypted is shown, copied and downloaded as it was opened; what was received stands beside it, and each place says that it was encrypted.
func TestWhatWasDecryptedIsWhatOneSees(t *testing.T) {
	t.Parallel()
	for _, event := range []string{checkoutResult, "payments/payments.authorization.status.accepted"} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			srv := webtest.New(t)
			editor := srv.As(store.RoleEditor)
			v := ready(t, srv, filledForm(editor).Set(subscriptions.FieldEvent, event))
			if a := wantsDelivered(t, srv, v, event); !a.Encrypted {
				t.Fatal("the delivery came plain")
			}
			var n store.Notification
			h := house{Server: srv, tb: t}
			h.await("the notification", func() bool {
				page, err := srv.Store.ListNotifications(t.Context(), store.NotificationFilter{Page: store.Page{Limit: 1}})
				if err == nil && len(page.Items) == 1 {
					n = page.Items[0]
				}
				return !n.ID.IsZero()
			})
			at := paths.ShowNotification(n.ID.String())
			for _, path := range []string{at, paths.With(at, "view", "raw"), paths.With(at, "view", "hex")} {
				tab := editor.Get(path).Wants(http.StatusOK).ByTestID("tab")
				if text := tab.ByTestID("payload").Text(); strings.Contains(text, "eyJ") || path != at+"?view=hex" && !strings.Contains(text, "eventType") {
					t.Errorf("%s shows %.200s", path, text)
				}
				for _, b := range tab.All(func(e *webtest.Element) bool { return e.HasAttr("data-copy-as") }) {
					if text := b.Attr("data-copy"); strings.Contains(text, "encData") || !strings.Contains(text, "eventType") {
						t.Errorf("%s copies %.200s", path, text)
					}
				}
				if said := tab.ByTestID("encryption").Text(); !strings.Contains(said, "RSA-OAEP-256") || !strings.Contains(said, "A256GCM") || !strings.Contains(said, "content type JWT") || !strings.Contains(said, "serial number") {
					t.Errorf("%s says %q", path, said)
				}
			}
			received := linkTo(editor.Get(at), "As received")
			if text := editor.Get(received).Wants(http.StatusOK).ByTestID("payload").Text(); !strings.Contains(text, "encData") || !strings.Contains(text, "eyJ") {
				t.Errorf("as received it is %.200s", text)
			}
			file := paths.DownloadDeliveryBody(n.ID.String())
			if body := editor.Get(file).Body; !strings.Contains(body, "eventType") || strings.Contains(body, "encData") {
				t.Errorf("the file holds %.200s", body)
			}
			if body := editor.Get(paths.With(file, "as", "received")).Body; !strings.Contains(body, "encData") {
				t.Errorf("the file as received holds %.200s", body)
			}
			for _, place := range []string{"life", "verification"} {
				if text := editor.Get(paths.ShowNotificationTab(n.ID.String(), "verification")).ByTestID(place).Text(); !strings.Contains(text, "Decrypted") || !strings.Contains(text, "A256GCM") {
					t.Errorf("%s does not say that it was decrypted: %s", place, text)
				}
			}
			if n.ObjectID == "" && n.Summary == "" {
				t.Error("neither its object nor a summary is known")
			}
		})
	}
}
