package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/web"
	"github.com/switchboardhq/switchboard/web/webtest"
)

func notDevelopment(cfg *web.Config) { cfg.Development = false }

// signIn fills the sign-in form in and sends it.
func signIn(c *webtest.Client, at, email, password string) *webtest.Page {
	return c.Get(at).Form("sign-in").Set("email", email).Set("password", password).Submit()
}

func TestSignInLeadsOnToWhereOneWanted(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	browser := srv.Stranger()
	asked := browser.Get(paths.AuditLog + "?outcome=failed").Wants(http.StatusSeeOther)
	page := signIn(browser, asked.Header.Get("Location"), strings.ToUpper(u.Email), webtest.Password).Wants(http.StatusSeeOther)
	if got := page.Header.Get("Location"); got != paths.AuditLog+"?outcome=failed" {
		t.Errorf("leads to %q", got)
	}
	page.Follow().Wants(http.StatusOK)
	// Somebody signed in has no use for the page.
	browser.Get(paths.SignIn).Wants(http.StatusSeeOther)
	if u, err := srv.Store.GetUser(t.Context(), u.ID); err != nil || u.LastSignInAt.IsZero() {
		t.Errorf("last sign-in of %+v was not noted: %v", u, err)
	}
}

func TestWrongWordsAreRefusedAlike(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	gone := srv.AddPerson("gone@example.com", store.RoleViewer)
	if err := srv.Store.DisableUser(t.Context(), gone, store.AuditEntry{Actor: "test", Action: "user.disable"}); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, c := range []struct{ email, password string }{
		{u.Email, "not the password"},
		{"nobody@example.com", webtest.Password},
		{gone.Email, webtest.Password},
		{u.Email, ""},
		{"", ""},
		{"a\x00b@example.com", "x"},
		{"\xff\xfe", "\xff\xfe"},
		{u.Email, strings.Repeat("x", 5000)},
	} {
		browser := srv.Stranger()
		page := browser.Post(paths.SignIn, url.Values{"email": {c.email}, "password": {c.password}}).Wants(http.StatusUnprocessableEntity)
		said[page.ByTestID("sign-in-problem").Text()] = true
		for _, input := range page.All(func(e *webtest.Element) bool { return e.Attr("type") == "password" }) {
			if input.Attr("value") != "" {
				t.Error("a password came back with the page")
			}
		}
		browser.Get(paths.Team).Wants(http.StatusSeeOther)
	}
	if len(said) != 1 {
		t.Errorf("refusals differ, and tell who exists: %v", said)
	}
}

func TestSessionIsNewAfterSignIn(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	browser := srv.Stranger()
	browser.Get(paths.SignIn)
	planted := browser.Cookie(webtest.SessionCookie)
	if planted == "" {
		t.Fatal("the sign-in page sent no cookie")
	}
	page := signIn(browser, paths.SignIn, u.Email, webtest.Password).Wants(http.StatusSeeOther)
	cookie := page.Header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1209600"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %s", redactCookie(cookie), want)
		}
	}
	if browser.Cookie(webtest.SessionCookie) == planted {
		t.Fatal("the session kept the id it had before sign-in")
	}
	thief := srv.Stranger()
	thief.SetCookie(webtest.SessionCookie, planted)
	thief.Get(paths.Team).Wants(http.StatusSeeOther)
}

func redactCookie(cookie string) string {
	_, rest, _ := strings.Cut(cookie, ";")
	return "…;" + rest
}

func TestSignOutEndsTheSession(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleViewer)
	old := browser.Cookie(webtest.SessionCookie)
	page := browser.Get(paths.Team).Form("sign-out").Submit().Wants(http.StatusSeeOther)
	if !strings.Contains(page.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Error("the browser keeps its cookie")
	}
	page.Follow().Wants(http.StatusOK).Says("You are signed out.")
	thief := srv.Stranger()
	thief.SetCookie(webtest.SessionCookie, old)
	thief.Get(paths.Team).Wants(http.StatusSeeOther)
}

func TestExpiredSessionIsLedToSignIn(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleAdministrator)
	form := browser.Get(paths.NewMember).Form("person-form").Set("email", "new@example.com")
	if _, err := srv.Store.Pool().Exec(t.Context(), "UPDATE sessions SET expires_at = now() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
	browser.Get(paths.Team).Wants(http.StatusSeeOther)
	form.Submit().Wants(http.StatusSeeOther)
	if got := form.SubmitAs(browser.Partial()).Wants(http.StatusUnauthorized).Header.Get("HX-Redirect"); got != paths.SignIn {
		t.Errorf("htmx is led to %q", got)
	}
	if _, err := srv.Store.GetUserByEmail(t.Context(), "new@example.com"); err == nil {
		t.Error("the form of an expired session was taken")
	}
}

func TestSessionInUseGoesOnUntilItsLifeIsOver(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	browser := srv.As(store.RoleViewer)
	ends := func(created, seen string) time.Duration {
		t.Helper()
		if _, err := srv.Store.Pool().Exec(t.Context(), "UPDATE sessions SET created_at = now() - $1::interval, seen_at = now() - $2::interval, expires_at = now() + interval '1 minute'", created, seen); err != nil {
			t.Fatal(err)
		}
		browser.Get(paths.Team).Wants(http.StatusOK)
		var left time.Duration
		if err := srv.Store.Pool().QueryRow(t.Context(), "SELECT expires_at - now() FROM sessions").Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left.Round(time.Minute)
	}
	if got := ends("1 hour", "1 hour"); got != 12*time.Hour {
		t.Errorf("a session in use ends in %s, want 12 h", got)
	}
	if got := ends("13 days 22 hours", "1 hour"); got != 2*time.Hour {
		t.Errorf("a session of almost 14 days ends in %s, want 2 h", got)
	}
	if got := ends("1 hour", "5 seconds"); got != time.Minute {
		t.Errorf("a session seen a moment ago was written again: ends in %s", got)
	}
}

func TestDisabledPersonIsSignedOut(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.AddPerson("leaver@example.com", store.RoleEditor)
	browser := srv.AsUser(u)
	browser.Get(paths.Team).Wants(http.StatusOK)
	admin := srv.As(store.RoleAdministrator)
	admin.Get(paths.ShowMember(u.ID)).Form("disable-person").Submit().Wants(http.StatusSeeOther)
	browser.Get(paths.Team).Wants(http.StatusSeeOther)
}

func TestFailuresLockTheDoorForThatAddress(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := func() time.Time { return now }
	srv := webtest.New(t, webtest.WithStore(func(c *store.Config) { c.Now = clock }), webtest.WithConsole(func(c *web.Config) { c.Now = clock }))
	u, other := srv.Person(store.RoleViewer), srv.Person(store.RoleEditor)
	for range 5 {
		signIn(srv.Stranger(), paths.SignIn, u.Email, "wrong").Wants(http.StatusUnprocessableEntity)
	}
	page := signIn(srv.Stranger(), paths.SignIn, u.Email, webtest.Password).Wants(http.StatusTooManyRequests)
	if page.Header.Get("Retry-After") == "" {
		t.Error("does not say when to come again")
	}
	page.Says("Wait 30 s")
	signIn(srv.Stranger(), paths.SignIn, other.Email, webtest.Password).Wants(http.StatusSeeOther)
	now = now.Add(time.Minute)
	signIn(srv.Stranger(), paths.SignIn, u.Email, webtest.Password).Wants(http.StatusSeeOther)
}

// Many tries sent at once must not all find the door open.
func TestTriesSentAtOnceAreLockedOutToo(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	const tries = 24
	var forms [tries]*webtest.Form
	for i := range forms {
		forms[i] = srv.Stranger().Get(paths.SignIn).Form("sign-in").Set("email", u.Email).Set("password", "one guess of many")
	}
	answers := make(chan int, tries)
	for _, form := range forms {
		go func() { answers <- form.Submit().Status }()
	}
	judged := 0
	for range tries {
		switch status := <-answers; status {
		case http.StatusUnprocessableEntity:
			judged++
		case http.StatusTooManyRequests:
		default:
			t.Errorf("a try is answered %d", status)
		}
	}
	// Five lock the door, and as many as compare at a time may be under way with the fifth.
	if judged < 5 || judged > 6 {
		t.Errorf("%d of %d tries were judged, want 5 or 6", judged, tries)
	}
}

func TestSignInLeadsOnlyToThisConsole(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	for _, next := range []string{
		"https://evil.example/", "//evil.example/", `/\evil.example/`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)", "evil.example", "", " //evil.example",
	} {
		browser := srv.Stranger()
		page := browser.Post(paths.SignIn, url.Values{"email": {u.Email}, "password": {webtest.Password}, "next": {next}}).Wants(http.StatusSeeOther)
		if got := page.Header.Get("Location"); got != paths.Overview {
			t.Errorf("next %q leads to %q", next, got)
		}
		shown := srv.Stranger().Get(paths.With(paths.SignIn, "next", next)).Form("sign-in").Values.Get("next")
		if next != "" && shown != paths.Overview {
			t.Errorf("next %q is carried on as %q", next, shown)
		}
	}
}

func TestWeakHashIsReplacedAtSignIn(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer) // whose hash is a cheap one
	other := srv.AsUser(u)
	signIn(srv.Stranger(), paths.SignIn, u.Email, webtest.Password).Wants(http.StatusSeeOther)
	now, err := srv.Store.GetUser(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(now.PasswordHash, "m=19456,t=2,p=1") {
		t.Errorf("hash is %s", now.PasswordHash)
	}
	other.Get(paths.Team).Wants(http.StatusOK)
	signIn(srv.Stranger(), paths.SignIn, u.Email, webtest.Password).Wants(http.StatusSeeOther)
}

func TestSignInIsAudited(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleViewer)
	signIn(srv.Stranger(), paths.SignIn, u.Email, "wrong").Wants(http.StatusUnprocessableEntity)
	signIn(srv.Stranger(), paths.SignIn, u.Email, webtest.Password).Wants(http.StatusSeeOther)
	list, err := srv.Store.ListAudit(t.Context(), store.AuditFilter{Action: "user.sign_in"})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Outcome != store.OutcomeSucceeded || list[1].Outcome != store.OutcomeFailed {
		t.Fatalf("audit = %+v, want a failure and then a success", list)
	}
	if e := list[0]; e.UserID != u.ID || e.Actor != u.Email || e.RequestID == "" || !e.Source.IsLoopback() {
		t.Errorf("entry = %+v", e)
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	u := srv.Person(store.RoleAdministrator)
	browser := srv.Stranger()
	signIn(browser, paths.SignIn, u.Email, "wrong-password-typed").Wants(http.StatusUnprocessableEntity)
	signIn(browser, paths.SignIn+"?next=/team%3Fsecret-in-query", u.Email, webtest.Password).Wants(http.StatusSeeOther)
	browser.Get(paths.Team + "?token=secret-in-query").Wants(http.StatusOK)
	log := srv.Logged()
	if !strings.Contains(log, `"route":"/sign-in"`) || !strings.Contains(log, u.Email) {
		t.Fatalf("nothing was logged: %s", log)
	}
	for _, secret := range []string{"wrong-password-typed", webtest.Password, "secret-in-query", browser.Cookie(webtest.SessionCookie), browser.CSRFToken()} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestSignInAtAPlainAddressSaysWhereTheConsoleIs(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t, webtest.WithConsole(func(c *web.Config) { c.ConsoleURL = "https://console.example.com" }))
	stranger := srv.Stranger() // at 127.0.0.1, without TLS
	const own = "https://console.example.com/sign-in"
	page := stranger.Get(paths.SignInThen("/rejected")).Wants(http.StatusOK)
	if !slices.Contains(page.Links(), own+"?next=%2Frejected") {
		t.Errorf("the page leads to %q", page.Links())
	}
	for _, form := range []url.Values{{"email": {"ann@example.com"}, "password": {"wrong"}}, {}} {
		refused := srv.Stranger().Do(http.MethodPost, paths.SignIn, form) // a browser that keeps no cookie.Wants(http.StatusForbidden)
		if !slices.Contains(refused.Links(), own) || strings.Contains(refused.Text(), "Reload") {
			t.Errorf("the refusal leads to %q and says %s", refused.Links(), refused.Text())
		}
	}
	// Over HTTPS, and where the console's URL is plain, nothing is said.
	for name, browser := range map[string]*webtest.Client{"plain console": webtest.New(t).Stranger()} {
		if browser.Get(paths.SignIn).Wants(http.StatusOK).Has("sign-in-elsewhere") {
			t.Errorf("%s: the page leads elsewhere", name)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+paths.SignIn, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"console.example.com", "CONSOLE.example.com:443"} {
		req.Host = host
		if stranger.Send(req).Wants(http.StatusOK).Has("sign-in-elsewhere") {
			t.Errorf("at %s the page leads elsewhere", host)
		}
	}
}
