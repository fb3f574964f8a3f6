package web

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// endedShown is how many credentials that do not count any more are listed, of each kind.
const endedShown = 5

// securityTab says how deliveries of a subscription prove themselves, with what can be done about it by this person.
func (s *Server) securityTab(c echo.Context, clock ui.Clock, v store.Subscription) (*subscriptions.SecurityTab, error) {
	have, err := s.loadCredentials(c.Request().Context(), v.OrganizationID)
	if err != nil {
		return nil, err
	}
	mayNot := whyNotEdit(c)
	tab := &subscriptions.SecurityTab{
		Policy: s.policyPairs(v), Notices: policyNotices(clock, v),
		Edit:              ui.Action{Label: "Change", Href: paths.EditSubscriptionOf(v.ID) + "#" + subscriptions.FieldSecurity, Icon: ui.IconEdit, Small: true, Reason: firstOf(mayNot, whyNotChange(v))},
		RotateCertificate: s.deedLink(v, deedRotateCertificate, 0, "Rotate", firstOf(mayNot, whyDeleted(v))),
		RotateKey:         s.deedLink(v, deedRotateKey, 0, "Rotate", firstOf(mayNot, whyDeleted(v))),
	}
	if _, ok := currentMLEKey(have.mle, s.now()); !ok {
		tab.RotateCertificate.Label = "Make one"
	}
	tab.Certificates, tab.CertificateNote = s.certificateLines(v, have.mle, mayNot)
	tab.Keys, tab.KeyNote = signatureLines(have.keys, s.now())
	tab.Clients = s.clientLines(v, have.clients, mayNot)
	own := v.SecurityType != store.SecurityKey && !v.Policy.Tokens.External()
	tab.ShowTokens = own || len(tab.Clients) > 0
	tab.ClientNote = "Only a hash of a client’s secret is kept here. A client that was rotated goes on until retries with its tokens can no longer come."
	tab.RotateClient = s.deedLink(v, deedRotateClient, 0, "Rotate", firstOf(mayNot, whyNotChange(v), whyNotRotateClient(v)))
	tab.Assertions = s.assertionLines(v, have.assertions, mayNot)
	tab.ShowAssertions = v.SecurityType == store.SecurityOAuthJWT && own
	tab.AssertionNote = "They count for the whole organization. Add one where the policy is changed."
	return tab, nil
}

func whyDeleted(v store.Subscription) string {
	if !v.DeletedAt.IsZero() {
		return "The subscription is deleted."
	}
	return ""
}

func whyNotRotateClient(v store.Subscription) string {
	switch {
	case v.SecurityType == store.SecurityKey:
		return "The policy needs no client."
	case v.Policy.Tokens.External():
		return "Your own issuer hands out the tokens: rotate the client there, then type its new secret where the policy is changed."
	}
	return ""
}

// deedLink leads to the page that asks before something is done about a credential.
func (s *Server) deedLink(v store.Subscription, deed string, item int64, label, reason string) ui.Action {
	href := paths.SubscriptionSecurityDeed(v.ID, deed)
	if item != 0 {
		href = paths.With(href, fieldItem, strconv.FormatInt(item, 10))
	}
	return ui.Action{Label: label, Href: href, Small: true, Reason: reason, Attrs: templ.Attributes{"data-testid": deed}}
}

// policyPairs are a policy in words.
func (s *Server) policyPairs(v store.Subscription) []ui.Pair {
	p := v.Policy
	pairs := []ui.Pair{{Name: "Policy", Value: securityName(v.SecurityType) + " (" + v.SecurityType + ")"}, {Name: "Deliveries show", Value: securitySentence(v.SecurityType)}}
	if v.SecurityType != store.SecurityKey {
		pairs = append(pairs, tokenPairs(v)...)
	}
	encryption := "Opened where Cybersource encrypts; plain deliveries are taken too"
	if p.Encrypted {
		encryption = "Demanded: plain deliveries are rejected"
	}
	certificate := "Not demanded"
	if p.ClientCertificate {
		certificate = "Demanded, signed by an authority of RECEIVER_CLIENT_CA"
	}
	rejected := "Answered 401: Cybersource tries again. Kept in quarantine"
	if p.Holds() {
		rejected = "Held: answered 200, so Cybersource does not try again. Kept in quarantine"
	}
	return append(pairs, ui.Pair{Name: "Encryption", Value: encryption}, ui.Pair{Name: "Sources", Value: s.sourcesText(p)},
		ui.Pair{Name: "Client certificate", Value: certificate}, ui.Pair{Name: "When rejected", Value: rejected})
}

func (s *Server) sourcesText(p store.Policy) string {
	own, server := strings.Join(p.Sources, ", "), strings.Join(s.receiver.Sources, ", ")
	if strings.Contains(own, store.SourceCybersource) {
		own += " (" + strings.Join(cybs.DeliverySources(), ", ") + ")"
	}
	switch {
	case own != "" && server != "":
		return own + "; and only as far as the server’s list goes: " + server
	case own != "":
		return own
	case server != "":
		return "The server’s list: " + server
	}
	return "Anywhere: neither the subscription nor the server has a list"
}

func tokenPairs(v store.Subscription) []ui.Pair {
	t, o := v.Policy.Tokens, v.Policy.OAuth
	from := "Switchboard"
	if t.External() {
		from = "Your own issuer"
	}
	pairs := []ui.Pair{{Name: "Tokens from", Value: from}, {Name: "Token URL", Value: o.URL, Mono: true, Copy: true}}
	if t.External() {
		pairs = append(pairs, ui.Pair{Name: "Issuer", Value: t.Issuer, Mono: true}, ui.Pair{Name: "Audience", Value: t.Audience, Mono: true}, ui.Pair{Name: "Key set", Value: t.JWKSURL, Mono: true})
	}
	if v.SecurityType == store.SecurityOAuth {
		return append(pairs, ui.Pair{Name: "Key id", Value: o.KeyID, Mono: true, Copy: true, Hint: "Under which Cybersource keeps client id and secret."})
	}
	return append(pairs, ui.Pair{Name: "Client id", Value: o.ClientID, Mono: true, Copy: true}, ui.Pair{Name: "Assertion for", Value: o.Audience, Mono: true},
		ui.Pair{Name: "Assertion key", Value: o.AssertionKeyID, Mono: true}, ui.Pair{Name: "Scope", Value: o.Scope, Mono: true})
}

// policyNotices say what is accepted besides the policy, and why.
func policyNotices(clock ui.Clock, v store.Subscription) []subscriptions.Notice {
	f := v.Policy.Former
	if f == nil || !v.DeletedAt.IsZero() {
		return nil
	}
	other := securityName(f.SecurityType)
	if f.Encrypted != v.Policy.Encrypted && f.Encrypted {
		other += ", encrypted"
	}
	switch {
	case f.Announced:
		return []subscriptions.Notice{{
			Tone: ui.Waiting, Title: "It is not known whether Cybersource has taken over the last change",
			Text: "Deliveries by the policy below and by the new one (" + other + ") are both accepted. Switchboard asks Cybersource which it has; saving the form again tells it anew.",
		}}
	case clock.Now.Before(f.Until):
		if f.SecurityType == v.SecurityType && f.OAuth.ClientID != v.Policy.OAuth.ClientID {
			other = "a token of the former client"
		}
		return []subscriptions.Notice{{
			Tone: ui.Progress, Title: "The former policy counts too until " + clock.Absolute(f.Until),
			Text: "So long retries of older notifications may come that show what was demanded before (" + other + ").",
		}}
	}
	return nil
}

// clientLines are the clients of a subscription at our token server, newest first.
func (s *Server) clientLines(v store.Subscription, list []store.OAuthClient, mayNot string) []subscriptions.Credential {
	var lines []subscriptions.Credential
	ended, now := 0, s.now()
	for _, c := range list {
		if c.SubscriptionID != v.ID && c.SubscriptionID != 0 {
			continue
		}
		line := subscriptions.Credential{ID: c.ClientID, Times: []subscriptions.CredentialTime{{Word: "Made", At: c.CreatedAt}}}
		if c.LastUsedAt.IsZero() {
			line.Facts = append(line.Facts, ui.Pair{Name: "Last used", Value: "never"})
		} else {
			line.Times = append(line.Times, subscriptions.CredentialTime{Word: "Last used", At: c.LastUsedAt})
		}
		if c.KeyID != "" {
			line.Facts = append(line.Facts, ui.Pair{Name: "Key id", Value: c.KeyID, Mono: true})
		}
		used := c.ClientID == v.Policy.OAuth.ClientID
		reason := mayNot
		switch {
		case !c.Living(now):
			if ended++; ended > endedShown {
				continue
			}
			line.Tone, line.Word = ui.Neutral, "Retired"
			line.Times = append(line.Times, subscriptions.CredentialTime{Word: "Ended", At: c.RetiredAt})
		case !c.RetiredAt.IsZero():
			line.Tone, line.Word = ui.Waiting, "Being replaced"
			line.Times = append(line.Times, subscriptions.CredentialTime{Word: "Ends", At: c.RetiredAt})
		case used:
			line.Tone, line.Word, reason = ui.Good, "In use", firstOf(reason, "Cybersource uses it. Rotate it first.")
			if !c.ExpiresAt.IsZero() {
				line.Times = append(line.Times, subscriptions.CredentialTime{Word: "Expires at Cybersource", At: c.ExpiresAt})
			}
		default:
			line.Tone, line.Word = ui.Waiting, "Not used"
		}
		if c.Living(now) {
			line.Deeds = append(line.Deeds, s.deedLink(v, deedRetireClient, c.ID, "Retire now", reason))
		}
		lines = append(lines, line)
	}
	return lines
}

// certificateLines are the certificates that Cybersource encrypts to, newest first.
func (s *Server) certificateLines(v store.Subscription, list []store.MLEKey, mayNot string) (lines []subscriptions.Credential, note string) {
	now := s.now()
	current, haveCurrent := currentMLEKey(list, now)
	ended := 0
	for _, k := range list {
		line := subscriptions.Credential{
			ID: k.Serial, Facts: []ui.Pair{{Name: "Fingerprint", Value: fingerprintText(k.Fingerprint), Mono: true}},
			Times: []subscriptions.CredentialTime{{Word: "Made", At: k.CreatedAt}, {Word: "Valid until", At: k.NotAfter}},
		}
		if k.KeyID != "" {
			line.Facts = append(line.Facts, ui.Pair{Name: "Key id", Value: k.KeyID, Mono: true})
		}
		reason := mayNot
		switch {
		case !livingKey(k, now):
			if ended++; ended > endedShown {
				continue
			}
			line.Tone, line.Word = ui.Neutral, "Retired"
		case haveCurrent && k.ID == current.ID:
			line.Tone, line.Word, reason = ui.Good, "In use", firstOf(reason, "Cybersource encrypts to it. Rotate it first.")
		case k.RegisteredAt.IsZero():
			line.Tone, line.Word = ui.Waiting, "Not registered"
		case now.After(k.NotAfter):
			line.Tone, line.Word = ui.Bad, "Ended"
		default:
			line.Tone, line.Word = ui.Neutral, "Replaced, still opens"
		}
		if livingKey(k, now) {
			line.Deeds = append(line.Deeds, s.deedLink(v, deedRetireCertificate, k.ID, "Retire", reason))
		}
		lines = append(lines, line)
	}
	note = "Cybersource ties certificates to the organization and encrypts to the newest. Replaced ones go on opening late retries until somebody retires them. Private keys are kept sealed."
	if len(lines) == 0 {
		note = "The organization has none. One is made by itself when an event type is chosen that Cybersource encrypts."
	}
	return lines, note
}

// fingerprintText shows the beginning and the end of a fingerprint, enough to compare.
func fingerprintText(sum []byte) string {
	text := hex.EncodeToString(sum)
	if len(text) <= 20 {
		return text
	}
	return text[:12] + "…" + text[len(text)-8:]
}

// signatureLines are the organization's digital signature keys, newest first.
func signatureLines(keys []store.SignatureKey, now time.Time) ([]subscriptions.Credential, string) {
	lines, note := keyLines(keys, now)
	list := make([]subscriptions.Credential, 0, len(lines))
	for _, l := range lines {
		c := subscriptions.Credential{ID: l.ID, Tone: l.Tone, Word: l.Word, Times: []subscriptions.CredentialTime{{Word: "Made", At: l.CreatedAt}}}
		if !l.ExpiresAt.IsZero() {
			c.Times = append(c.Times, subscriptions.CredentialTime{Word: "Ends", At: l.ExpiresAt})
		}
		list = append(list, c)
	}
	return list, note
}

// assertionLines are the certificates that assertions are checked with, newest first.
func (s *Server) assertionLines(v store.Subscription, list []store.AssertionCertificate, mayNot string) []subscriptions.Credential {
	var lines []subscriptions.Credential
	ended, now := 0, s.now()
	for _, a := range list {
		line := subscriptions.Credential{
			ID: hex.EncodeToString(a.Fingerprint), Facts: []ui.Pair{{Name: "For", Value: "any key id"}},
			Times: []subscriptions.CredentialTime{{Word: "Added", At: a.CreatedAt}, {Word: "Valid until", At: a.NotAfter}},
		}
		if a.KeyID != "" {
			line.Facts = []ui.Pair{{Name: "For key id", Value: a.KeyID, Mono: true}}
		}
		switch {
		case !a.RetiredAt.IsZero():
			if ended++; ended > endedShown {
				continue
			}
			line.Tone, line.Word = ui.Neutral, "Retired"
		case now.After(a.NotAfter):
			line.Tone, line.Word = ui.Bad, "Ended"
		default:
			line.Tone, line.Word = ui.Good, "Counts"
		}
		if a.RetiredAt.IsZero() {
			line.Deeds = append(line.Deeds, s.deedLink(v, deedRetireAssertion, a.ID, "Retire", mayNot))
		}
		lines = append(lines, line)
	}
	return lines
}
