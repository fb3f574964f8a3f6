package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// credentials are what an organization has to prove deliveries with, without anything secret.
type credentials struct {
	keys       []store.SignatureKey
	mle        []store.MLEKey
	clients    []store.OAuthClient
	assertions []store.AssertionCertificate
}

func (s *Server) loadCredentials(ctx context.Context, organizationID int64) (c credentials, err error) {
	if c.keys, err = s.store.ListSignatureKeys(ctx, organizationID); err != nil {
		return c, err
	}
	if c.mle, err = s.store.ListMLEKeys(ctx, organizationID); err != nil {
		return c, err
	}
	if c.clients, err = s.store.ListOAuthClients(ctx, organizationID); err != nil {
		return c, err
	}
	c.assertions, err = s.store.ListAssertionCertificates(ctx, organizationID)
	return c, err
}

// securitySentence says in one sentence what deliveries prove themselves with.
func securitySentence(kind string) string {
	switch kind {
	case store.SecurityOAuth:
		return "Mutual trust, and a token that Cybersource gets with a client id and a secret"
	case store.SecurityOAuthJWT:
		return "Mutual trust, and a token that Cybersource gets with a signed assertion"
	}
	return "Mutual trust: TLS, and a signature with the organization’s digital signature key"
}

// securityChecks say what of the chosen policy is there and what will be made.
func (s *Server) securityChecks(st formState, c credentials) []subscriptions.Check {
	d, now := st.draft.security, s.now()
	checks := []subscriptions.Check{keyCheck(c.keys, now)}
	if d.kind == store.SecurityOAuth || d.kind == store.SecurityOAuthJWT {
		checks = append(checks, s.tokenCheck(st, c))
	}
	if d.kind == store.SecurityOAuthJWT && d.server != store.TokensExternal {
		checks = append(checks, assertionCheck(d, c.assertions, now))
	}
	return append(checks, mleCheck(st, c.mle, now), s.sourcesCheck(d))
}

// tokenCheck says where the credentials for tokens stand.
func (s *Server) tokenCheck(st formState, c credentials) subscriptions.Check {
	d, v := st.draft.security, st.editing
	check := subscriptions.Check{Name: "OAuth client"}
	switch {
	case d.server == store.TokensExternal && d.kind == store.SecurityOAuthJWT:
		check.Tone, check.Word, check.Text = ui.Neutral, "At your issuer", "Your issuer must know the client id and the certificate of Cybersource."
	case d.server == store.TokensExternal && d.storedKeyID != "":
		check.Tone, check.Word, check.Text = ui.Good, "At Cybersource", "The credentials are stored there under the key id below."
	case d.server == store.TokensExternal:
		check.Tone, check.Word, check.Text = ui.Progress, "Will be stored", "The client id and secret that you type go to Cybersource when you save."
	case s.receiver.TokenURL == "":
		check.Tone, check.Word, check.Text = ui.Bad, "Not possible", "This server has no token endpoint. Use an issuer of your own."
	case hasClient(c.clients, v, d, s.now()):
		check.Tone, check.Word, check.Text = ui.Good, "Ready", "The subscription has a client. Its page can rotate it."
	default:
		check.Tone, check.Word = ui.Progress, "Will be made"
		check.Text = "One is made when you save. Its secret goes to Cybersource and is kept here as a hash only."
		if d.kind == store.SecurityOAuthJWT {
			check.Text = "One is made when you save. It has no secret: Cybersource proves itself by its assertions."
		}
	}
	return check
}

// hasClient reports whether the client that a subscription has serves what is chosen.
func hasClient(clients []store.OAuthClient, v store.Subscription, d securityDraft, now time.Time) bool {
	wanted := v
	wanted.SecurityType = d.kind
	if d.kind == store.SecurityOAuthJWT {
		wanted.Policy.OAuth.Audience, wanted.Policy.OAuth.ClientID, wanted.Policy.OAuth.Scope = firstOf(d.assertionAudience, v.Policy.OAuth.URL), d.assertionClient, d.assertionScope
	}
	for _, c := range clients {
		if serves(c, v, wanted, now) {
			return true
		}
	}
	return false
}

func assertionCheck(d securityDraft, list []store.AssertionCertificate, now time.Time) subscriptions.Check {
	check := subscriptions.Check{Name: "Assertion certificate", Tone: ui.Bad, Word: "Missing", Text: "Paste the certificate whose key signs Cybersource’s assertions."}
	for _, c := range list {
		if checksAssertions(c, d.assertionKey, now) {
			return subscriptions.Check{Name: check.Name, Tone: ui.Good, Word: "Ready", Text: "The organization has one that counts for this key id."}
		}
	}
	if d.assertionCertificate != "" {
		return subscriptions.Check{Name: check.Name, Tone: ui.Progress, Word: "Will be kept", Text: "It counts for the whole organization from then on."}
	}
	return check
}

func mleCheck(st formState, list []store.MLEKey, now time.Time) subscriptions.Check {
	check := subscriptions.Check{Name: "Encryption certificate"}
	var encrypted []string
	listed := false
	for _, value := range st.draft.events {
		if p, e, ok := st.catalogue.offered(value); ok && isEncrypted(p, e) {
			encrypted, listed = append(encrypted, e.Name), listed || e.PayloadEncryption
		}
	}
	needed := len(encrypted) > 0 || st.draft.security.encryption == subscriptions.EncryptionAlways
	k, ok := currentMLEKey(list, now)
	switch {
	case ok && k.NotAfter.Sub(now) < keyEndsSoon:
		check.Tone, check.Word = ui.Waiting, "Ends soon"
		check.Text = fmt.Sprintf("It ends in %s. A subscription’s page can rotate it.", ui.DurationText(k.NotAfter.Sub(now).Truncate(time.Hour)))
	case ok:
		check.Tone, check.Word, check.Text = ui.Good, "Ready", "Cybersource has one of the organization’s and encrypts to it where an event type needs that."
	case needed:
		check.Tone, check.Word, check.Text = ui.Progress, "Will be made", "Cybersource gets it when you save; the private key stays here, sealed."
		if len(encrypted) > 0 {
			check.Text = "Needed for " + encrypted[0] + more(len(encrypted)-1) + ". " + check.Text
		}
		if len(encrypted) > 0 && !listed {
			check.Text += " Cybersource’s guide demands it; its list for this organization does not say so, and may do once it has a certificate."
		}
	default:
		check.Tone, check.Word, check.Text = ui.Neutral, "Not needed", "None of the chosen event types is encrypted. What is encrypted is opened in any case."
	}
	return check
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

func (s *Server) sourcesCheck(d securityDraft) subscriptions.Check {
	check := subscriptions.Check{Name: "Sources", Tone: ui.Good, Word: "Limited"}
	own := strings.Fields(strings.ReplaceAll(d.sources, ",", " "))
	switch {
	case len(own) > 0 && s.environment == "sandbox" && !admitsSandbox(own):
		check.Tone, check.Word = ui.Waiting, "Leaves the sandbox out"
		check.Text = "The sandbox sends from this machine, so all that it sends would be rejected. Add " + strings.Join(sandboxSources(), " and ") + "."
	case len(own) > 0:
		check.Text = "Deliveries from elsewhere are rejected: " + listed(own) + "."
	case len(s.receiver.Sources) > 0:
		check.Text = "By the server’s list: " + listed(s.receiver.Sources) + "."
	default:
		check.Tone, check.Word, check.Text = ui.Neutral, "Anywhere", "The signature decides alone. Your firewall may still limit who gets through."
	}
	return check
}

// listed names the first few words of a list.
func listed(words []string) string {
	const most = 4
	if len(words) <= most {
		return readable(strings.Join(words, ", "))
	}
	return readable(strings.Join(words[:most], ", ")) + more(len(words)-most)
}
