package web

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// keyEndsSoon is when the end of a digital signature key deserves a word.
const keyEndsSoon = 30 * 24 * time.Hour

// placeOfToken stands in a URL where the endpoint's token will be.
const placeOfToken = "TOKEN"

// fillReadiness says where Cybersource will send, and what can be known about that before anything is saved.
func (s *Server) fillReadiness(c echo.Context, f *subscriptions.Form, st formState) error {
	have, err := s.loadCredentials(c.Request().Context(), st.organization.ID)
	if err != nil {
		return err
	}
	f.Security = s.securityFields(st, have.assertions)
	token := placeOfToken
	f.EndpointNote = placeOfToken + " becomes an unguessable part of the address, made when you create the subscription: knowing it is not enough to be believed, the signature is what counts."
	if st.editing.EndpointToken != "" {
		token = st.editing.EndpointToken
		f.EndpointNote = "The addresses stay as they are: another address would send the subscription through Cybersource’s review again."
	}
	webhookURL, healthURL := s.endpointURL(token)
	f.Endpoint = []ui.Pair{
		{Name: "Webhook URL", Value: webhookURL, Mono: true},
		{Name: "Health check URL", Value: healthURL, Mono: true},
		{Name: "Called from", Value: strings.Join(cybs.DeliverySources(), " and "), Hint: "Cybersource calls from these two addresses: allow both in your firewall."},
	}
	f.Checks = append([]subscriptions.Check{credentialsCheck(st.organization), catalogueCheck(st.catalogue)}, s.securityChecks(st, have)...)
	f.Checks = append(f.Checks, addressChecks(webhookURL, s.environment)...)
	return nil
}

func credentialsCheck(o store.Organization) subscriptions.Check {
	if o.KeyID == "" {
		return subscriptions.Check{Name: "REST credentials", Tone: ui.Bad, Word: "Missing", Text: "An administrator enters them on the organization’s page."}
	}
	return subscriptions.Check{Name: "REST credentials", Tone: ui.Good, Word: "Entered"}
}

func catalogueCheck(k catalogue) subscriptions.Check {
	if k.problem != "" {
		return subscriptions.Check{Name: "Cybersource answers", Tone: ui.Bad, Word: "No", Text: k.problem}
	}
	return subscriptions.Check{Name: "Cybersource answers", Tone: ui.Good, Word: "Yes", Text: "It offers " + plural(len(k.products), "product", "products") + " to this organization."}
}

// currentKey is the key that Cybersource signs with now, as far as is known here.
func currentKey(keys []store.SignatureKey, now time.Time) (store.SignatureKey, bool) {
	for _, k := range keys {
		if k.ReplacedAt.IsZero() && !k.Retired(now) && (k.ExpiresAt.IsZero() || k.ExpiresAt.After(now)) {
			return k, true
		}
	}
	return store.SignatureKey{}, false
}

func keyCheck(keys []store.SignatureKey, now time.Time) subscriptions.Check {
	check := subscriptions.Check{Name: "Digital signature key"}
	k, ok := currentKey(keys, now)
	switch {
	case !ok:
		check.Tone, check.Word = ui.Progress, "Will be made"
		check.Text = "The organization has none that is valid. One is made at Cybersource when you save, stored sealed and never shown."
	case !k.ExpiresAt.IsZero() && k.ExpiresAt.Sub(now) < keyEndsSoon:
		check.Tone, check.Word = ui.Waiting, "Ends soon"
		check.Text = fmt.Sprintf("It ends in %s. Deliveries signed after that cannot be verified.", ui.DurationText(k.ExpiresAt.Sub(now).Truncate(time.Hour)))
	default:
		check.Tone, check.Word, check.Text = ui.Good, "Ready", "One key signs all subscriptions of the organization."
	}
	return check
}

// addressChecks say whether Cybersource can use the webhook URL, from the URL alone.
func addressChecks(webhookURL, environment string) []subscriptions.Check {
	u, err := url.Parse(webhookURL)
	if err != nil {
		return []subscriptions.Check{{Name: "Address", Tone: ui.Bad, Word: "Unreadable", Text: "RECEIVER_URL does not make a URL."}}
	}
	wrong, note := ui.Bad, ""
	if environment == "sandbox" {
		wrong, note = ui.Neutral, " The sandbox does not mind."
	}
	secure := subscriptions.Check{Name: "HTTPS", Tone: ui.Good, Word: "Yes"}
	if u.Scheme != "https" {
		secure = subscriptions.Check{Name: "HTTPS", Tone: wrong, Word: "No", Text: "Cybersource refuses addresses without TLS." + note}
	}
	port := subscriptions.Check{Name: "Port", Tone: ui.Good, Word: portOf(u)}
	if p := portOf(u); p != "443" && p != "8443" {
		port = subscriptions.Check{Name: "Port", Tone: ui.Waiting, Word: p, Text: "Guides up to 2024 allowed 443 and 8443 only; whether that still holds is not said." + note}
		if environment == "sandbox" {
			port.Tone = ui.Neutral
		}
	}
	reach := subscriptions.Check{Name: "Reachable", Tone: ui.Neutral, Word: "Not known", Text: "Only Cybersource can tell: its first health check comes 5 to 10 minutes after you save."}
	if isPrivateHost(u.Hostname()) {
		reach = subscriptions.Check{Name: "Reachable", Tone: wrong, Word: "Private address", Text: "Cybersource calls from the internet and cannot reach " + u.Hostname() + "." + note}
	}
	return []subscriptions.Check{secure, port, reach}
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// isPrivateHost reports whether a host name means this machine or a network of its own, by its text alone.
func isPrivateHost(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") || host != "" && !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified())
}
