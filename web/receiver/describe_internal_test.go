package receiver

import (
	"log/slog"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
)

// What every delivery costs after its commit, but for the database.
func BenchmarkDescribe(b *testing.B) {
	g := newGrouper(Config{Log: slog.New(slog.DiscardHandler), Now: time.Now}, newEndpoints(nil, nil, nil))
	body := []byte(tokenBody)
	d := store.Delivery{Body: body, BodyBytes: len(body), SubscriptionID: 1}
	b.ReportAllocs()
	for b.Loop() {
		g.describe(d)
	}
}

func TestCommitsMakeWayForGroupingThatIsFarBehind(t *testing.T) {
	t.Parallel()
	g := newGrouper(Config{Log: slog.New(slog.DiscardHandler), Now: time.Now}, newEndpoints(nil, nil, nil))
	for _, c := range []struct{ behind, want time.Duration }{
		{0, 0}, {mostBehind, 0}, {-time.Hour, 0}, {mostBehind + 100*time.Millisecond, 2 * time.Millisecond}, {time.Hour, longestPause},
	} {
		g.lag.Store(int64(c.behind))
		if got := g.pause(); got != c.want {
			t.Errorf("behind by %s: a pause of %s, want %s", c.behind, got, c.want)
		}
	}
}

const tokenBody = `{"eventType":"tms.networktoken.updated","webhookId":"11111111-2222-3333-4444-555555555555","productId":"tokenManagement","organizationId":"bench","eventDate":"2026-11-22T10:00:00","transactionTraceId":"trace-0000000000123456-0","retryNumber":0,"payload":{"data":{"id":"ID0000000000123456","reason":"TOKEN_STATUS_UPDATED","_links":{"tokenized-cards":[{"id":"000000000000000000012a0c00fdae40","state":"ACTIVE","number":"0","href":"/tms/v2/tokenized-cards/000000012a0b1bc0"},{"id":"000000000000000000012a0c00fdae41","state":"ACTIVE","number":"1","href":"/tms/v2/tokenized-cards/000000012a0bb9f7"},{"id":"000000000000000000012a0c00fdae42","state":"ACTIVE","number":"2","href":"/tms/v2/tokenized-cards/000000012a0c582e"},{"id":"000000000000000000012a0c00fdae43","state":"ACTIVE","number":"3","href":"/tms/v2/tokenized-cards/000000012a0cf665"},{"id":"000000000000000000012a0c00fdae44","state":"ACTIVE","number":"4","href":"/tms/v2/tokenized-cards/000000012a0d949c"},{"id":"000000000000000000012a0c00fdae45","state":"ACTIVE","number":"5","href":"/tms/v2/tokenized-cards/000000012a0e32d3"},{"id":"000000000000000000012a0c00fdae46","state":"ACTIVE","number":"6","href":"/tms/v2/tokenized-cards/000000012a0ed10a"},{"id":"000000000000000000012a0c00fdae47","state":"ACTIVE","number":"7","href":"/tms/v2/tokenized-cards/000000012a0f6f41"},{"id":"000000000000000000012a0c00fdae48","state":"ACTIVE","number":"8","href":"/tms/v2/tokenized-cards/000000012a100d78"},{"id":"000000000000000000012a0c00fdae49","state":"ACTIVE","number":"9","href":"/tms/v2/tokenized-cards/000000012a10abaf"},{"id":"000000000000000000012a0c00fdae4a","state":"ACTIVE","number":"10","href":"/tms/v2/tokenized-cards/000000012a1149e6"},{"id":"000000000000000000012a0c00fdae4b","state":"ACTIVE","number":"11","href":"/tms/v2/tokenized-cards/000000012a11e81d"},{"id":"last"}]}},"organizationId":"child"},"requestType":"NEW"}`
