package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

const (
	sessionIdle  = 12 * time.Hour      // an unused session ends after this
	sessionLife  = 14 * 24 * time.Hour // and every session after this
	sessionTouch = time.Minute         // how stale the end of an idle session may be stored
	sessionBytes = 32
)

// sessionStore keeps gorilla's sessions in Postgres. The cookie carries a random id; the row is found by its SHA-256.
//
// Somebody who is not signed in has the cookie alone: nothing is stored for strangers, so they cannot fill the database.
type sessionStore struct {
	store  *store.Store
	name   string
	secure bool
	now    func() time.Time
}

func newSessionStore(st *store.Store, secure bool, now func() time.Time) *sessionStore {
	ss := &sessionStore{store: st, name: "switchboard_session", secure: secure, now: now}
	if secure {
		// Browsers take a __Host- cookie only from this very host, over https: a sibling host cannot plant one.
		ss.name = "__Host-" + ss.name
	}
	return ss
}

// Keys of a session's values.
type sessionKey string

const (
	userKey sessionKey = "user" // int64
	dataKey sessionKey = "data" // sessionData
)

// sessionData is what a session remembers besides its user.
type sessionData struct {
	OrganizationID int64      `json:"organization_id,omitempty"`
	Flashes        []ui.Flash `json:"flashes,omitempty"`
}

// Get returns the request's session, read once a request.
func (ss *sessionStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	session, err := sessions.GetRegistry(r).Get(ss, name)
	if err != nil {
		return session, fmt.Errorf("get session: %w", err)
	}
	return session, nil
}

// New reads the session that the request's cookie names. One that is unknown or has ended is a new one under the same id,
// which nobody is signed in with.
func (ss *sessionStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(ss, name)
	session.Options = ss.options(0)
	session.IsNew = true
	session.ID = cookieID(r, name)
	if session.ID == "" {
		session.ID = newSessionID()
		return session, nil
	}
	row, err := ss.store.GetSession(r.Context(), hashID(session.ID))
	if errors.Is(err, store.ErrNotFound) {
		return session, nil
	}
	if err != nil {
		return session, err
	}
	var data sessionData
	if err := json.Unmarshal(row.Data, &data); err != nil {
		return session, fmt.Errorf("read session: %w", err)
	}
	session.IsNew = false
	session.Values[userKey], session.Values[dataKey] = row.UserID, data
	return session, ss.touch(r.Context(), row)
}

// touch moves the end of a session in use, not beyond its life.
func (ss *sessionStore) touch(ctx context.Context, row store.Session) error {
	now := ss.now()
	if now.Sub(row.SeenAt) < sessionTouch {
		return nil
	}
	ends := now.Add(sessionIdle)
	if last := row.CreatedAt.Add(sessionLife); ends.After(last) {
		ends = last
	}
	return ss.store.TouchSession(ctx, row.IDHash, ends)
}

// Save stores what the session remembers and, for a new one, sends its cookie. A negative MaxAge ends the session.
func (ss *sessionStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options.MaxAge < 0 {
		http.SetCookie(w, sessions.NewCookie(ss.name, "", session.Options))
		return ss.store.DeleteSession(r.Context(), hashID(session.ID))
	}
	user, _ := session.Values[userKey].(int64)
	if user == 0 {
		http.SetCookie(w, sessions.NewCookie(ss.name, session.ID, session.Options))
		return nil
	}
	data, _ := session.Values[dataKey].(sessionData)
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	if !session.IsNew {
		return ss.store.UpdateSessionData(r.Context(), hashID(session.ID), raw)
	}
	err = ss.store.SaveSession(r.Context(), store.Session{IDHash: hashID(session.ID), UserID: user, Data: raw, ExpiresAt: ss.now().Add(sessionIdle)})
	if err != nil {
		return err
	}
	session.IsNew = false
	http.SetCookie(w, sessions.NewCookie(ss.name, session.ID, session.Options))
	return nil
}

// signIn ends the session that was and begins another under a new id: an id planted before sign-in is worth nothing after it.
func (ss *sessionStore) signIn(r *http.Request, w http.ResponseWriter, session *sessions.Session, userID int64) error {
	if err := ss.store.DeleteSession(r.Context(), hashID(session.ID)); err != nil {
		return err
	}
	session.ID, session.IsNew = newSessionID(), true
	session.Options = ss.options(sessionLife)
	session.Values[userKey], session.Values[dataKey] = userID, sessionData{}
	return ss.Save(r, w, session)
}

// signOut ends the session here and in the browser.
func (ss *sessionStore) signOut(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	session.Options = ss.options(-time.Second)
	return ss.Save(r, w, session)
}

// options are those of the cookie; gorilla's own defaults would be SameSite=None, and not HttpOnly. Zero age: until the browser closes.
func (ss *sessionStore) options(age time.Duration) *sessions.Options {
	return &sessions.Options{Path: "/", MaxAge: int(age / time.Second), Secure: ss.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func newSessionID() string {
	b := make([]byte, sessionBytes)
	_, _ = rand.Read(b) // crypto/rand.Read never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// cookieID is the session id in the request, or "" when there is none of the form we give out.
func cookieID(r *http.Request, name string) string {
	cookie, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Value)
	if err != nil || len(b) != sessionBytes {
		return ""
	}
	return cookie.Value
}

func hashID(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}

// csrfBytes is the length of csrfSecret.
const csrfBytes = sha256.Size

// csrfSecret is derived from the session id, which only its browser and we know: nothing needs to be stored for it, and a
// form outlives a session that ends under it, to be told so instead of being refused.
func csrfSecret(sessionID string) []byte {
	mac := hmac.New(sha256.New, []byte(sessionID))
	mac.Write([]byte("switchboard csrf"))
	return mac.Sum(nil)
}
