package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store/embedded"
)

// startDatabase starts a PostgreSQL for one test and returns its URL.
func startDatabase(tb testing.TB) string {
	tb.Helper()
	server, err := embedded.Start(tb.Context(), embedded.Config{Dir: filepath.Join(tb.TempDir(), "postgres"), AllowInstall: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), time.Minute)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			tb.Errorf("stop the database: %v", err)
		}
	})
	return server.URL()
}

// TestRejectedDeliveriesAreJudgedAgainAndReleased is the story of a key that came too late, with script and without.
func TestRejectedDeliveriesAreJudgedAgainAndReleased(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]bool{"with script": true, "without script": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := startDatabase(t)
			p := startProgram(t, "DATABASE_URL="+url, "ENCRYPTION_KEY="+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
			db, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) }) // the test is over
			change := func(sql string) {
				t.Helper()
				if _, err := db.Exec(t.Context(), sql+"; SELECT pg_notify('switchboard_live', 'keys:0')"); err != nil {
					t.Fatal(err)
				}
			}
			b := newBrowser(t, p.Console)
			axe := readAxe(t)
			b.signIn()
			b.createSubscription("Token events")
			b.waitWord("subscription-status", "active")

			change("CREATE TABLE kept AS SELECT * FROM signature_keys; DELETE FROM signature_keys")
			for range 3 {
				b.sendEvent("tms.networktoken.updated", "wrong-content-type")
			}
			b.sendEvent("tms.networktoken.updated", "unknown-key")
			eventually(t, quietLimit, "four rejected deliveries", func() error {
				var n int
				if err := db.QueryRow(t.Context(), "SELECT count(*) FROM deliveries WHERE reason = 'key_unknown'").Scan(&n); err != nil || n != 4 {
					return fmt.Errorf("%d are there, %w", n, err)
				}
				return nil
			})
			change("INSERT INTO signature_keys OVERRIDING SYSTEM VALUE SELECT * FROM kept; UPDATE signature_keys SET created_at = now()")

			b.script(script)
			b.open("/rejected")
			if offer := b.text("offer-judge"); !strings.Contains(offer, "3 rejected deliveries may pass now") {
				t.Errorf("the offer is %q", offer)
			}
			b.follow("ask to judge all", testID("judge-again"))
			b.look(axe, script, "judge again")
			b.do("say why", chromedp.SendKeys(chromedp.CSS(`input[name=why]`), "The key is stored now"))
			b.follow("judge", testID("judge"))
			if headline := b.text("headline"); !strings.Contains(headline, "3 of 4 now pass") {
				t.Errorf("the result is %q", headline)
			}
			b.look(axe, script, "judged")
			b.follow("ask to release", testID("release"))
			b.look(axe, script, "release")
			b.do("say why", chromedp.SendKeys(chromedp.CSS(`input[name=why]`), "They are ours"))
			b.follow("release", testID("confirm-release"))
			if headline := b.text("headline"); !strings.Contains(headline, "3 deliveries were released") {
				t.Errorf("the result is %q", headline)
			}
			b.look(axe, script, "released")
			b.follow("open a released delivery", chromedp.CSS(`[data-testid=judged-row] a`))
			if verdicts := b.text("verdicts"); !strings.Contains(verdicts, "Rejected on arrival") || !strings.Contains(verdicts, "Released") {
				t.Errorf("its verdicts are %q", verdicts)
			}
			b.look(axe, script, "released delivery")
			b.openUntil("/notifications", "notification-row")
			if n := get(b, "count notifications", chromedp.Evaluate[int](`document.querySelectorAll("[data-testid=notification-row]").length`)); n != 3 {
				t.Errorf("%d notifications, want 3", n)
			}
			b.open("/rejected")
			b.follow("ask to discard the rest", testID("discard"))
			b.look(axe, script, "discard")
			b.do("say why", chromedp.SendKeys(chromedp.CSS(`input[name=why]`), "A stranger's"))
			b.follow("discard", testID("confirm-discard"))
			b.open("/rejected/judgements")
			b.look(axe, script, "judgements")
		})
	}
}

// look checks the page as it is in every way to look at it. axe-core needs script.
func (b *browser) look(axe string, script bool, name string) {
	b.tb.Helper()
	if !script {
		return
	}
	for _, v := range views() {
		b.screen(v.width, v.height, v.scheme)
		b.lookAt(axe, name, v)
	}
	b.screen(1440, 900, "light")
}
