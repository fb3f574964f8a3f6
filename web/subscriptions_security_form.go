package web

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

const (
	whyNoClientCertificate = "The receiver cannot check client certificates: RECEIVER_TLS_CERT and RECEIVER_CLIENT_CA are not set."
	clientTakenText        = "Another client has this id already. Leave the field empty to have one made."
)

// securityFields are the questions about security with their answers so far.
func (s *Server) securityFields(st formState, assertions []store.AssertionCertificate) subscriptions.Security {
	d := st.draft.security
	f := subscriptions.Security{
		Sandbox:           s.environment == "sandbox",
		Type:              radio(st, subscriptions.FieldSecurity, "How Cybersource proves itself", d.kind, securityTypes()),
		TokenServer:       radio(st, subscriptions.FieldTokenServer, "Who hands out the tokens", d.server, s.tokenServers(st)),
		OwnTokens:         []ui.Pair{{Name: "Token URL", Value: firstOf(s.receiver.TokenURL, "This server has none"), Mono: true, Hint: "Part of the receiver, beside the webhook URL. Cybersource is told of it when you save."}},
		Encryption:        radio(st, subscriptions.FieldEncryption, "Message-level encryption", d.encryption, encryptionAnswers()),
		EncryptionWarning: encryptionWarning(st),
		Rejected:          radio(st, subscriptions.FieldRejected, "What is answered to a rejected delivery", d.rejected, rejectedAnswers()),
		Sources:           s.sourcesField(st),
		ClientCertificate: ui.Field{
			Name: subscriptions.FieldClientCertificate, Label: "Demand a client certificate", Checked: d.clientCertificate, Error: st.problem(subscriptions.FieldClientCertificate),
			Hint: "The connection must show a certificate that an authority of RECEIVER_CLIENT_CA has signed. Whether Cybersource shows one is not documented: ask before you demand it.",
		},
	}
	if !s.receiver.ClientCertificates {
		f.ClientCertificateReason = whyNoClientCertificate
	}
	issuerFields(st, &f)
	s.assertionFields(st, &f, assertions)
	return f
}

// radio asks for one of a few answers.
func radio(st formState, name, label, chosen string, options []ui.Option) ui.Field {
	f := ui.Field{Name: name, Label: label, Options: options, Error: st.problem(name)}
	known := slices.ContainsFunc(options, func(o ui.Option) bool { return o.Value == chosen })
	for i := range f.Options {
		f.Options[i].Selected = f.Options[i].Value == chosen || !known && i == 0
	}
	return f
}

func securityTypes() []ui.Option {
	return []ui.Option{
		{Value: store.SecurityKey, Label: "Mutual trust", Hint: "KEY: each delivery is signed with the organization’s digital signature key. Always checked, and enough for most."},
		{Value: store.SecurityOAuth, Label: "OAuth", Hint: "oAuth: besides, Cybersource shows a token that it gets with a client id and a secret."},
		{Value: store.SecurityOAuthJWT, Label: "OAuth with JWT", Hint: "oAuth_JWT: besides, Cybersource shows a token that it gets with a signed assertion. No secret is shared."},
	}
}

func (s *Server) tokenServers(st formState) []ui.Option {
	own := ui.Option{Value: store.TokensOwn, Label: "Switchboard", Hint: "Makes a client, hands it to Cybersource and checks the tokens. Nothing else is needed."}
	if s.receiver.TokenURL == "" {
		own.Reason = "This server has no token endpoint."
	}
	external := ui.Option{Value: store.TokensExternal, Label: "Your own issuer", Hint: "Cybersource asks your identity provider; Switchboard checks its tokens with its key set."}
	if !st.namesIssuers && !st.editing.Policy.Tokens.External() {
		external.Reason = "An administrator enters it, since this server asks it for its keys."
	}
	return []ui.Option{own, external}
}

func encryptionAnswers() []ui.Option {
	return []ui.Option{
		{Value: subscriptions.EncryptionAsNeeded, Label: "As the event types need", Hint: "Encrypted deliveries are opened, plain ones are taken too. A certificate is made when a chosen event type is encrypted."},
		{Value: subscriptions.EncryptionAlways, Label: "Always", Hint: "Plain deliveries are rejected, test notifications aside. Choose it only when all chosen event types are encrypted."},
	}
}

func rejectedAnswers() []ui.Option {
	return []ui.Option{
		{Value: store.AnswerReject, Label: "Reject", Hint: "401: Cybersource tries again, and may suspend the subscription. The delivery is kept in quarantine."},
		{Value: store.AnswerHold, Label: "Hold", Hint: "200: Cybersource takes it for delivered and does not try again. The delivery is kept in quarantine."},
	}
}

// issuerFields are the questions about an issuer of the operator's own.
func issuerFields(st formState, f *subscriptions.Security) {
	d := st.draft.security
	// Required for some answers only, so the browser cannot check it.
	text := func(name, label, value, hint string) ui.Field {
		return ui.Field{
			Name: name, Label: label, Value: value, Hint: hint, Error: st.problem(name), Autocomplete: "off", Mono: true, Required: true,
			Attrs: templ.Attributes{"required": false, "maxlength": maxTokenURL},
		}
	}
	f.TokenURL = text(subscriptions.FieldTokenURL, "Token URL", d.tokenURL, "Where Cybersource gets tokens. A new host passes Cybersource’s review first.")
	f.Issuer = text(subscriptions.FieldIssuer, "Issuer", d.issuer, "The iss of its tokens, letter by letter.")
	f.TokenAudience = text(subscriptions.FieldTokenAudience, "Audience of tokens", d.tokenAudience, "The aud that tokens for this receiver have.")
	f.JWKSURL = text(subscriptions.FieldJWKSURL, "Key set URL", d.jwksURL, "The JWKS with which tokens are checked. It is fetched now and then and kept.")
	f.TokenScope = text(subscriptions.FieldTokenScope, "Scope of tokens", d.tokenScope, "Words that a token’s scope must hold, separated by spaces.")
	f.TokenScope.Required = false
	f.ClientID = text(subscriptions.FieldClientID, "Client id", d.clientID, "Of Cybersource, at your issuer.")
	f.ClientID.Required = false
	f.ClientSecret = ui.Field{
		Name: subscriptions.FieldClientSecret, Label: "Client secret", Type: "password", Mono: true, Autocomplete: "off", Error: st.problem(subscriptions.FieldClientSecret),
		Hint: "It goes to Cybersource when you save and is not kept here. It is never shown again: type it again after an error.",
	}
	f.StoredKeyID = text(subscriptions.FieldStoredKeyID, "Or its key id at Cybersource", d.storedKeyID, "When Cybersource has id and secret already.")
	f.StoredKeyID.Required = false
}

// assertionFields are the questions about what Cybersource signs in place of showing a secret.
func (s *Server) assertionFields(st formState, f *subscriptions.Security, assertions []store.AssertionCertificate) {
	d := st.draft.security
	text := func(name, label, value, hint string, required bool) ui.Field {
		return ui.Field{
			Name: name, Label: label, Value: value, Hint: hint, Error: st.problem(name), Autocomplete: "off", Mono: true, Required: required,
			Attrs: templ.Attributes{"required": false, "maxlength": maxTokenURL},
		}
	}
	f.AssertionAudience = text(subscriptions.FieldAssertionAudience, "Audience (aud)", d.assertionAudience, "Whom the assertion is for. With Switchboard, leave it empty: it is the token URL.", false)
	f.AssertionClient = text(subscriptions.FieldAssertionClient, "Client id (iss and sub)", d.assertionClient, "With Switchboard, leave it empty to have one made.", false)
	f.AssertionKey = text(subscriptions.FieldAssertionKey, "Key id (kid)", d.assertionKey, "The id of the P12 certificate (“REST – Certificate”) in the Business Center, which Cybersource needs for this policy.", true)
	if ids := assertionKeyIDs(assertions, s.now()); len(ids) > 0 {
		f.AssertionKey.Hint += " Known here: " + listText(ids) + "."
		if f.AssertionKey.Value == "" {
			f.AssertionKey.Value = ids[0]
		}
	}
	f.AssertionScope = text(subscriptions.FieldAssertionScope, "Scope", d.assertionScope, "What Cybersource asks for. It must be named.", true)
	f.AssertionCertificate = ui.Field{
		Name: subscriptions.FieldAssertionCertificate, Label: "Certificate that assertions are checked with", Value: d.assertionCertificate, Rows: 4, Mono: true,
		Error: st.problem(subscriptions.FieldAssertionCertificate), Attrs: templ.Attributes{"maxlength": maxCertificate, "spellcheck": "false"},
		Hint: "PEM, without any private key. For Switchboard as the token server.",
	}
	counting := 0
	for _, c := range assertions {
		if checksAssertions(c, d.assertionKey, s.now()) {
			counting++
		}
	}
	if counting > 0 {
		f.AssertionCertificate.Hint = fmt.Sprintf("The organization has %s that counts for this key id. Paste another one only to add it. PEM, without any private key.", countOf(counting, "certificate", "certificates"))
	}
}

// assertionKeyIDs are the key ids of the certificates that count, the newest first.
func assertionKeyIDs(assertions []store.AssertionCertificate, now time.Time) []string {
	var ids []string
	for _, c := range slices.SortedFunc(slices.Values(assertions), func(a, b store.AssertionCertificate) int { return b.CreatedAt.Compare(a.CreatedAt) }) {
		if c.KeyID != "" && checksAssertions(c, c.KeyID, now) && !slices.Contains(ids, c.KeyID) {
			ids = append(ids, c.KeyID)
		}
	}
	return ids
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "one " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (s *Server) sourcesField(st formState) ui.Field {
	hint := "Addresses and networks, one a line; the word cybersource stands for " + strings.Join(cybs.DeliverySources(), " and ") + ". "
	if len(s.receiver.Sources) > 0 {
		hint += "Nobody gets in who is not on the server’s list too (RECEIVER_ALLOW): " + strings.Join(s.receiver.Sources, ", ") + ". Empty: that list alone counts."
	} else {
		hint += "Empty: everybody may deliver, as the server has no list (RECEIVER_ALLOW)."
	}
	return ui.Field{
		Name: subscriptions.FieldSources, Label: "Where deliveries may come from", Value: st.draft.security.sources, Rows: 3, Mono: true, Hint: hint,
		Error: st.problem(subscriptions.FieldSources), Attrs: templ.Attributes{"maxlength": maxSourcesLength, "spellcheck": "false"},
	}
}

// sandboxSources are where the sandbox's deliveries come from: it runs on this machine.
func sandboxSources() []string { return []string{"127.0.0.1", "::1"} }

// senders are the addresses from which deliveries come in the console's environment: in the sandbox its own, besides Cybersource's.
func (s *Server) senders() []string {
	if s.environment == "sandbox" {
		return append(cybs.DeliverySources(), sandboxSources()...)
	}
	return cybs.DeliverySources()
}

// withSenders is a list of sources with senders in it.
func withSenders(typed string, senders []string) string {
	lines := strings.Fields(typed)
	for _, source := range senders {
		known := slices.Contains(lines, store.SourceCybersource) && slices.Contains(cybs.DeliverySources(), source)
		if !known && !slices.Contains(lines, source) {
			lines = append(lines, source)
		}
	}
	return strings.Join(lines, "\n")
}

// admitsSandbox reports whether a list of sources lets in what the sandbox sends.
func admitsSandbox(sources []string) bool {
	return slices.ContainsFunc(sources, func(source string) bool {
		if network, err := netip.ParsePrefix(source); err == nil {
			return network.Contains(netip.MustParseAddr("127.0.0.1")) || network.Contains(netip.MustParseAddr("::1"))
		}
		addr, err := netip.ParseAddr(source)
		return err == nil && addr.IsLoopback()
	})
}

// encryptionWarning says what is wrong with demanding encryption of what is chosen, or "".
func encryptionWarning(st formState) string {
	if st.draft.security.encryption != subscriptions.EncryptionAlways {
		return ""
	}
	var plain []string
	for _, value := range st.draft.events {
		if p, e, ok := st.catalogue.offered(value); ok && !isEncrypted(p, e) {
			plain = append(plain, e.Name)
		}
	}
	if len(plain) == 0 {
		return ""
	}
	return fmt.Sprintf("As far as Cybersource says, %s of those chosen comes plain (%s): all deliveries of it would be rejected. Give encrypted event types a subscription of their own, or choose “As the event types need”.",
		countOf(len(plain), "event type", "event types"), listText(plain))
}
