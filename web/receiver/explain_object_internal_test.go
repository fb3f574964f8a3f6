package receiver

import (
	"log/slog"
	"testing"

	"github.com/switchboardhq/switchboard/store"
)

func TestWhatARejectedDeliveryIsAboutIsReadWhereItCanBe(t *testing.T) {
	t.Parallel()
	x := &explainer{log: slog.New(slog.DiscardHandler)}
	headers := []store.Header{{"Content-Type", "application/json"}, {"V-C-Event-Type", "tms.networktoken.updated"}}
	for body, want := range map[string]string{
		`{"eventType":"tms.networktoken.updated","payload":{"data":{"id":"object-7"}}}`: "object-7",
		`{"payload":[{"data":{"id":"object-8"}}]}`:                                      "object-8",
		`{"payload":`: "", ``: "", `not JSON`: "", `[]`: "", `{"payload":null}`: "",
	} {
		got, _ := x.said(store.Delivery{Headers: headers, Body: []byte(body)})
		if want == "" && got != "" || want != "" && got != want {
			t.Errorf("object of %s is %q, want %q", body, got, want)
		}
	}
}
