package web

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/subscriptions"
)

// Bounds of the answers about security.
const (
	maxTokenURL      = 1000
	maxTokenWords    = 500
	maxSecretBytes   = 1000
	maxCertificate   = 5000
	maxSourcesLength = 4000
	// defaultTokenScope is what Cybersource asks a scope for when nothing else is wanted; it must name one (reference §3.2).
	defaultTokenScope = "notifications"
)

// securityDraft is the part of the form about security as it stands. A secret that was typed is not in it: it is never sent back.
type securityDraft struct {
	kind, server                                                     string
	tokenURL, issuer, tokenAudience, jwksURL, tokenScope             string
	clientID, storedKeyID                                            string
	assertionAudience, assertionClient, assertionKey, assertionScope string
	assertionCertificate                                             string
	encryption, sources, rejected                                    string
	clientCertificate                                                bool
}

// securityOf is what the form says of a stored policy.
func securityOf(v store.Subscription) securityDraft {
	p := v.Policy
	d := securityDraft{
		kind: firstOf(v.SecurityType, store.SecurityKey), server: firstOf(p.Tokens.Server, store.TokensOwn), assertionScope: defaultTokenScope,
		encryption: subscriptions.EncryptionAsNeeded, sources: strings.Join(p.Sources, "\n"), rejected: firstOf(p.Rejected, store.AnswerReject),
		clientCertificate: p.ClientCertificate,
	}
	if p.Encrypted {
		d.encryption = subscriptions.EncryptionAlways
	}
	if p.Tokens.External() {
		d.tokenURL, d.issuer, d.tokenAudience, d.jwksURL, d.tokenScope = p.OAuth.URL, p.Tokens.Issuer, p.Tokens.Audience, p.Tokens.JWKSURL, p.Tokens.Scope
	}
	switch {
	case v.SecurityType == store.SecurityOAuthJWT && !p.Tokens.External() && p.OAuth.Audience == p.OAuth.URL:
		d.assertionClient, d.assertionKey, d.assertionScope = p.OAuth.ClientID, p.OAuth.AssertionKeyID, p.OAuth.Scope
	case v.SecurityType == store.SecurityOAuthJWT:
		d.assertionAudience, d.assertionClient, d.assertionKey, d.assertionScope = p.OAuth.Audience, p.OAuth.ClientID, p.OAuth.AssertionKeyID, p.OAuth.Scope
	case v.SecurityType == store.SecurityOAuth && p.Tokens.External():
		d.clientID, d.storedKeyID = p.OAuth.ClientID, p.OAuth.KeyID
	}
	return d
}

// typedSecurity is the part of the form about security as it was sent, without the secret.
func typedSecurity(f *form) securityDraft {
	return securityDraft{
		kind: f.typed(subscriptions.FieldSecurity), server: f.typed(subscriptions.FieldTokenServer),
		tokenURL: f.typed(subscriptions.FieldTokenURL), issuer: f.typed(subscriptions.FieldIssuer), tokenAudience: f.typed(subscriptions.FieldTokenAudience),
		jwksURL: f.typed(subscriptions.FieldJWKSURL), tokenScope: f.typed(subscriptions.FieldTokenScope),
		clientID: f.typed(subscriptions.FieldClientID), storedKeyID: f.typed(subscriptions.FieldStoredKeyID),
		assertionAudience: f.typed(subscriptions.FieldAssertionAudience), assertionClient: f.typed(subscriptions.FieldAssertionClient),
		assertionKey: f.typed(subscriptions.FieldAssertionKey), assertionScope: f.typed(subscriptions.FieldAssertionScope),
		assertionCertificate: f.typed(subscriptions.FieldAssertionCertificate),
		encryption:           f.typed(subscriptions.FieldEncryption), sources: f.typed(subscriptions.FieldSources), rejected: f.typed(subscriptions.FieldRejected),
		clientCertificate: f.checked(subscriptions.FieldClientCertificate),
	}
}

// givenCredentials are what a form brought that is not part of the intent.
type givenCredentials struct {
	// secret is the client secret to store at Cybersource; nil when none was typed.
	secret cybs.Secret
	// certificate checks Cybersource's assertions; DER, nil when none was typed.
	certificate []byte
}

// readSecurity reads how deliveries shall prove themselves into v, and marks what is wrong. assertions are the certificates that the
// organization has for assertions.
func (s *Server) readSecurity(f *form, v *store.Subscription, assertions []store.AssertionCertificate) givenCredentials {
	v.SecurityType = f.choice(subscriptions.FieldSecurity, store.SecurityKey, store.SecurityOAuth, store.SecurityOAuthJWT)
	v.Policy = store.Policy{
		Encrypted:         f.choice(subscriptions.FieldEncryption, subscriptions.EncryptionAsNeeded, subscriptions.EncryptionAlways) == subscriptions.EncryptionAlways,
		Sources:           readSources(f),
		ClientCertificate: f.checked(subscriptions.FieldClientCertificate),
		Rejected:          f.choice(subscriptions.FieldRejected, store.AnswerReject, store.AnswerHold),
	}
	if v.Policy.Rejected == store.AnswerReject {
		v.Policy.Rejected = "" // as it was before there was a choice
	}
	if v.Policy.ClientCertificate && !s.receiver.ClientCertificates {
		f.fail(subscriptions.FieldClientCertificate, whyNoClientCertificate)
	}
	if len(v.Policy.Sources) > 0 && !s.anyAdmitted(v.Policy.Sources) {
		f.fail(subscriptions.FieldSources, "Nobody on this list is on the server’s list too (RECEIVER_ALLOW), so every delivery would be rejected. The server lets in: "+strings.Join(s.receiver.Sources, ", ")+".")
	}
	if v.SecurityType == store.SecurityKey {
		return givenCredentials{}
	}
	if f.choice(subscriptions.FieldTokenServer, store.TokensOwn, store.TokensExternal) == store.TokensExternal {
		return s.readIssuer(f, v)
	}
	return s.readOwnTokens(f, v, assertions)
}

// readIssuer reads the answers about an issuer of the operator's own.
func (s *Server) readIssuer(f *form, v *store.Subscription) (given givenCredentials) {
	v.Policy.OAuth.URL = s.readURL(f, subscriptions.FieldTokenURL, "Type the address at which Cybersource gets tokens.")
	t := store.TokenPolicy{Server: store.TokensExternal}
	t.Issuer = f.required(subscriptions.FieldIssuer, maxTokenURL, "Type the issuer: the iss that its tokens have.")
	t.Audience = f.required(subscriptions.FieldTokenAudience, maxTokenWords, "Type the audience: the aud that tokens for Switchboard have.")
	t.JWKSURL = s.readURL(f, subscriptions.FieldJWKSURL, "Type the address of the issuer’s key set.")
	t.Scope = f.text(subscriptions.FieldTokenScope, maxTokenWords)
	v.Policy.Tokens = t
	if v.SecurityType == store.SecurityOAuthJWT {
		readAssertion(f, v)
		if v.Policy.OAuth.ClientID == "" {
			f.fail(subscriptions.FieldAssertionClient, "Type the client id that your issuer knows Cybersource by.")
		}
		if v.Policy.OAuth.Audience == "" {
			f.fail(subscriptions.FieldAssertionAudience, "Type the audience that your issuer expects in assertions.")
		}
		return given
	}
	v.Policy.OAuth.ClientID = f.text(subscriptions.FieldClientID, maxTokenWords)
	if what := invisible(v.Policy.OAuth.ClientID); what != "" {
		f.fail(subscriptions.FieldClientID, "There is "+what+" inside this client id. Copy it again without it.")
	}
	v.Policy.OAuth.KeyID = cybs.NormalID(f.text(subscriptions.FieldStoredKeyID, maxTokenWords))
	if problem := idProblem(v.Policy.OAuth.KeyID); v.Policy.OAuth.KeyID != "" && problem != "" {
		f.fail(subscriptions.FieldStoredKeyID, problem)
	}
	given.secret = cybs.Secret(f.secret(subscriptions.FieldClientSecret, maxSecretBytes))
	switch {
	case len(given.secret) > 0 && v.Policy.OAuth.ClientID == "":
		f.fail(subscriptions.FieldClientID, "Type the client id that the secret belongs to.")
	case len(given.secret) > 0:
		v.Policy.OAuth.KeyID = "" // Cybersource gives another one
	case v.Policy.OAuth.KeyID == "" && f.problem(subscriptions.FieldClientSecret) == "":
		f.fail(subscriptions.FieldClientSecret, "Type the client secret, or the key id under which Cybersource has it already.")
	}
	return given
}

// readOwnTokens reads the answers for when Switchboard is the token server.
func (s *Server) readOwnTokens(f *form, v *store.Subscription, assertions []store.AssertionCertificate) (given givenCredentials) {
	if s.receiver.TokenURL == "" {
		f.fail(subscriptions.FieldTokenServer, "This server has no token endpoint. Use an issuer of your own.")
	}
	v.Policy.OAuth.URL = s.receiver.TokenURL
	if v.SecurityType != store.SecurityOAuthJWT {
		return given
	}
	readAssertion(f, v)
	if v.Policy.OAuth.Audience == "" {
		v.Policy.OAuth.Audience = s.receiver.TokenURL
	}
	text := f.lines(subscriptions.FieldAssertionCertificate, maxCertificate)
	counts := slices.ContainsFunc(assertions, func(c store.AssertionCertificate) bool {
		return checksAssertions(c, v.Policy.OAuth.AssertionKeyID, s.now())
	})
	switch {
	case f.problem(subscriptions.FieldAssertionCertificate) != "":
	case text != "":
		given.certificate = readCertificate(f, text)
	case !counts:
		f.fail(subscriptions.FieldAssertionCertificate, "Paste the certificate whose key signs Cybersource’s assertions. Without one for this key id no assertion can be checked.")
	}
	return given
}

// checksAssertions reports whether a certificate counts for assertions that name that key id.
func checksAssertions(c store.AssertionCertificate, keyID string, now time.Time) bool {
	return c.RetiredAt.IsZero() && now.Before(c.NotAfter) && (c.KeyID == "" || c.KeyID == keyID)
}

// readAssertion reads what Cybersource's assertion shall say.
func readAssertion(f *form, v *store.Subscription) {
	v.Policy.OAuth.Audience = f.text(subscriptions.FieldAssertionAudience, maxTokenURL)
	v.Policy.OAuth.ClientID = f.text(subscriptions.FieldAssertionClient, maxTokenWords)
	v.Policy.OAuth.AssertionKeyID = f.required(subscriptions.FieldAssertionKey, maxTokenWords, "Type the id of the certificate that Cybersource signs assertions with.")
	v.Policy.OAuth.Scope = f.required(subscriptions.FieldAssertionScope, maxTokenWords, "Type the scope that Cybersource asks for. It must name one.")
	if len(v.Policy.OAuth.ClientID) > 200 { // what the database takes
		f.fail(subscriptions.FieldAssertionClient, "Use at most 200 characters.")
	}
}

// readCertificate reads the one certificate of a PEM text.
func readCertificate(f *form, text string) []byte {
	if strings.Contains(text, "PRIVATE KEY") {
		f.fail(subscriptions.FieldAssertionCertificate, "This holds a private key. Paste the certificate alone, from BEGIN CERTIFICATE to END CERTIFICATE.")
		return nil
	}
	certificate, err := store.ParseCertificatePEM([]byte(text))
	if err != nil {
		f.fail(subscriptions.FieldAssertionCertificate, "This is not a certificate in PEM form. Paste all of it, from BEGIN CERTIFICATE to END CERTIFICATE.")
		return nil
	}
	return certificate.Raw
}

// readURL reads the address of something that is asked over HTTPS; the sandbox takes HTTP too.
func (s *Server) readURL(f *form, name, missing string) string {
	text := f.required(name, maxTokenURL, missing)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		f.fail(name, "This is not an address. It looks like https://login.example.com/path.")
	case u.User != nil:
		f.fail(name, "Leave name and password out of the address.")
	case u.Scheme == "http" && s.environment != "sandbox":
		f.fail(name, "Use https: what is asked here must not be changed on its way.")
	default:
		return text
	}
	return ""
}

// anyAdmitted reports whether the server's own list lets in anybody of a list of sources.
func (s *Server) anyAdmitted(sources []string) bool {
	if len(s.receiver.Sources) == 0 {
		return true
	}
	for _, word := range sources {
		texts := []string{word}
		if word == store.SourceCybersource {
			texts = cybs.DeliverySources()
		}
		for _, text := range texts {
			own, err := store.ParseSource(text)
			if err != nil {
				continue
			}
			for _, server := range s.receiver.Sources {
				if admitted, err := store.ParseSource(server); err == nil && admitted.Overlaps(own) {
					return true
				}
			}
		}
	}
	return false
}

// readSources reads a list of sources, one a line or separated by commas.
func readSources(f *form) []string {
	text := f.lines(subscriptions.FieldSources, maxSourcesLength)
	var list []string
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == ',' || r == ' ' || r == '\t' || r == ';' }) {
		if strings.EqualFold(word, store.SourceCybersource) {
			word = store.SourceCybersource
		} else if _, err := store.ParseSource(word); err != nil {
			f.fail(subscriptions.FieldSources, readable("“"+word+"” is neither an address nor a network such as 203.0.113.0/24, nor the word cybersource."))
			return nil
		}
		if !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	if err := (store.Policy{Sources: list}).Validate(); errors.Is(err, store.ErrInvalid) {
		f.fail(subscriptions.FieldSources, "This list is too long. Name networks in place of single addresses.")
		return nil
	}
	return list
}
