package web_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/web/webtest"
)

// issuer is a token server of the operator's own: client credentials, or an assertion, for a signed token.
type issuer struct {
	url string
	key *rsa.PrivateKey
}

const (
	issuerClient   = "cybersource-at-issuer"
	issuerSecret   = "s3cret-of-the-issuer"
	issuerAudience = "switchboard"
)

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /keys", i.keys)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	byAssertion := r.PostFormValue("client_assertion") != ""
	if !byAssertion && (r.PostFormValue("client_id") != issuerClient || r.PostFormValue("client_secret") != issuerSecret) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	header := encoded(map[string]any{"alg": "RS256", "kid": "issuer-key", "typ": "JWT"})
	claims := encoded(map[string]any{"iss": i.url, "aud": issuerAudience, "sub": issuerClient, "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(), "scope": "deliver other"})
	digest := sha256.Sum256([]byte(header + "." + claims))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, digest[:])
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	answer(w, map[string]any{"access_token": header + "." + claims + "." + base64.RawURLEncoding.EncodeToString(signature), "token_type": "Bearer", "expires_in": 300})
}

func (i *issuer) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "kid": "issuer-key", "use": "sig", "alg": "RS256", "n": base64.RawURLEncoding.EncodeToString(i.key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(i.key.E)).Bytes()),
	}}})
}

func encoded(v any) string {
	raw, _ := json.Marshal(v) // texts and numbers
	return base64.RawURLEncoding.EncodeToString(raw)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client's side reports a broken answer
}

// fill answers the questions about this issuer.
func (i *issuer) fill(f *webtest.Form, securityType string) *webtest.Form {
	return f.Set(subscriptions.FieldSecurity, securityType).Set(subscriptions.FieldTokenServer, store.TokensExternal).
		Set(subscriptions.FieldTokenURL, i.url+"/token").Set(subscriptions.FieldIssuer, i.url).Set(subscriptions.FieldTokenAudience, issuerAudience).
		Set(subscriptions.FieldJWKSURL, i.url+"/keys").Set(subscriptions.FieldTokenScope, "deliver")
}

func TestTokensOfAnOwnIssuerAreTaken(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleAdministrator) // whose it is to enter an issuer
	i := newIssuer(t)
	form := i.fill(filledForm(editor), store.SecurityOAuth).Set(subscriptions.FieldClientID, issuerClient).Set(subscriptions.FieldClientSecret, issuerSecret)
	v := ready(t, srv, form)
	if a := wantsDelivered(t, srv, v, tokenUpdated); a.TokenRequests == 0 {
		t.Error("no token was asked for")
	}
	there := atCybersource(t, srv, v).SecurityPolicy
	if there.Type != cybs.SecurityOAuth || there.OAuth.URL != i.url+"/token" || there.OAuth.KeyID == "" || there.OAuth.KeyID != v.Policy.OAuth.KeyID {
		t.Errorf("Cybersource has %+v", there)
	}
	if len(clients(t, srv)) != 0 {
		t.Error("our token server has a client for it")
	}
	// The key id is remembered, the secret is not needed again.
	editForm(editor, v).Submit().Wants(http.StatusSeeOther).Follow().Says("Nothing was different")
	// Another scope is ours alone to demand; what the issuer gives does not have it.
	editForm(editor, v).Set(subscriptions.FieldTokenScope, "admin").Submit().Wants(http.StatusSeeOther).Follow().Says("Nothing of it concerns Cybersource")
	now := stored(t, srv, v.ID)
	if f := now.Policy.Former; now.Policy.Tokens.Scope != "admin" || f == nil || f.Announced || f.Tokens.Scope != "deliver" {
		t.Errorf("stored is %+v", now.Policy)
	}
	wantsDelivered(t, srv, v, tokenUpdated) // what was demanded before is accepted for a while
}

func TestAssertionsGoToAnOwnIssuer(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor := srv.As(store.RoleAdministrator) // whose it is to enter an issuer
	i := newIssuer(t)
	form := i.fill(filledForm(editor), store.SecurityOAuthJWT).Set(subscriptions.FieldAssertionKey, assertionKeyID)
	form.Submit().Wants(http.StatusUnprocessableEntity).Says("Type the client id that your issuer knows Cybersource by.", "Type the audience that your issuer expects")
	v := ready(t, srv, form.Set(subscriptions.FieldAssertionClient, issuerClient).Set(subscriptions.FieldAssertionAudience, i.url))
	there := atCybersource(t, srv, v).SecurityPolicy
	if there.OAuth.ClientID != issuerClient || there.OAuth.Audience != i.url || there.OAuth.AssertionKeyID != assertionKeyID || there.OAuth.Scope == "" {
		t.Errorf("Cybersource has %+v", there)
	}
	wantsDelivered(t, srv, v, tokenUpdated)
	// From the own issuer to Switchboard, and the other way round, nothing is lost.
	withJWT(t, srv, editForm(editor, v)).Set(subscriptions.FieldTokenServer, store.TokensOwn).Set(subscriptions.FieldAssertionAudience, "").Set(subscriptions.FieldAssertionClient, "").
		Submit().Wants(http.StatusSeeOther)
	now := stored(t, srv, v.ID)
	if list := clients(t, srv); len(list) != 1 || now.Policy.OAuth.ClientID != list[0].ClientID || now.Policy.Former == nil || !now.Policy.Former.Tokens.External() {
		t.Errorf("stored is %+v with clients %+v", now.Policy, list)
	}
	wantsDelivered(t, srv, now, tokenUpdated)
	editForm(editor, now).Set(subscriptions.FieldSecurity, store.SecurityKey).Submit().Wants(http.StatusSeeOther)
	if list := clients(t, srv); list[0].RetiredAt.IsZero() {
		t.Error("the client of the former policy does not end")
	}
	wantsDelivered(t, srv, v, tokenUpdated)
}

func TestIssuersAreAnAdministratorsToEnter(t *testing.T) {
	t.Parallel()
	srv := webtest.New(t)
	editor, administrator := srv.As(store.RoleEditor), srv.As(store.RoleAdministrator)
	i := newIssuer(t)
	answers := func(browser *webtest.Client) *webtest.Form {
		return i.fill(filledForm(browser), store.SecurityOAuth).Set(subscriptions.FieldClientID, issuerClient).Set(subscriptions.FieldClientSecret, issuerSecret)
	}
	answers(editor).Submit().Wants(http.StatusUnprocessableEntity).Says("Ask an administrator")
	v := ready(t, srv, answers(administrator))
	// What an administrator entered stays when an editor changes something else, and cannot be pointed elsewhere.
	editForm(editor, v).Set(subscriptions.FieldDescription, "For the night shift").Submit().Wants(http.StatusSeeOther)
	for _, field := range []string{subscriptions.FieldJWKSURL, subscriptions.FieldTokenURL, subscriptions.FieldIssuer} {
		editForm(editor, v).Set(field, "http://169.254.169.254/latest").Submit().Wants(http.StatusUnprocessableEntity).Says("Ask an administrator")
	}
}
