package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/jobs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/subscriptions"
	"github.com/switchboardhq/switchboard/views/ui"
)

// drift is one member of a subscription that Cybersource has otherwise than the team wants it.
type drift struct {
	member        string // as the API calls it
	name          string // as people read it
	wanted, there string
}

// The members that a subscription is compared in, as the API calls them.
const (
	memberName        = "name"
	memberDescription = "description"
	memberURL         = "webhookUrl"
	memberHealthURL   = "healthCheckUrl"
	memberProducts    = "products"
	memberScope       = "notificationScope"
	memberRetry       = "retryPolicy"
	memberSecurity    = "securityPolicy"
)

// driftsOf compares what Cybersource last answered with what the team wants. A member that the answer leaves out is not compared, and neither is one
// that is only written in another way: in lower case, or in another order.
func (s *Server) driftsOf(v store.Subscription) []drift {
	found, has, ok := answeredNow(v)
	if !ok || v.EndpointToken == "" {
		return nil
	}
	var drifts []drift
	compare := func(member, name string, same bool, wanted, there string) {
		if has[member] && !same {
			drifts = append(drifts, drift{member, name, wanted, there})
		}
	}
	webhookURL, healthURL := s.endpointURL(v.EndpointToken)
	compare(memberURL, "Webhook URL", cybs.EqualURL(found.WebhookURL, webhookURL), shortURL(webhookURL), shortURL(found.WebhookURL))
	compare(memberHealthURL, "Health check URL", cybs.EqualURL(found.HealthCheckURL, healthURL), shortURL(healthURL), shortURL(found.HealthCheckURL))
	if !isAnnounced(v) { // else it is not known yet which policy holds
		compare(memberSecurity, "Security policy", jobs.SamePolicy(found.SecurityPolicy, told(v)), policyWords(told(v)), policyWords(found.SecurityPolicy))
	}
	has[memberProducts] = has[memberProducts] || has["productId"]
	wanted, there := productWords(subscribedProducts(v.Products)), productWords(found.Products)
	compare(memberProducts, "Products and events", strings.EqualFold(wanted, there), wanted, there)
	has[memberScope] = has[memberScope] && found.Scope.Kind != ""
	compare(memberScope, "Scope", string(found.Scope.Kind) == v.Scope, v.Scope, string(found.Scope.Kind))
	retries := storedRetryPolicy(found.RetryPolicy)
	compare(memberRetry, "Retry policy", retries == v.RetryPolicy, retryWords(v.RetryPolicy), retryWords(retries))
	compare(memberName, "Name", found.Name == v.Name, v.Name, found.Name)
	compare(memberDescription, "Description", sameText(found.Description, v.Description), v.Description, found.Description)
	return drifts
}

// answeredNow reads Cybersource's last answer about a subscription and names its members. There is none to compare with while Cybersource does not have
// the subscription.
func answeredNow(v store.Subscription) (found cybs.Subscription, has map[string]bool, ok bool) {
	switch v.Status {
	case store.StatusCreating, store.StatusUnknown, store.StatusDeleted:
		return found, nil, false
	}
	var members map[string]json.RawMessage
	if len(v.Actual) == 0 || json.Unmarshal(v.Actual, &members) != nil || json.Unmarshal(v.Actual, &found) != nil {
		return found, nil, false
	}
	has = make(map[string]bool, len(members))
	for name, value := range members {
		has[name] = string(value) != "null"
	}
	return found, has, true
}

func driftsIn(drifts []drift, member string) bool {
	return slices.ContainsFunc(drifts, func(d drift) bool { return d.member == member })
}

// repair puts into a patch what Cybersource has otherwise than wanted. The security policy is not its part: see concernsToken.
func (s *Server) repair(patch *cybs.SubscriptionPatch, before, wanted store.Subscription) (differs bool) {
	webhookURL, healthURL := s.endpointURL(before.EndpointToken)
	for _, d := range s.driftsOf(before) {
		differs = differs || d.member != memberSecurity
		switch d.member {
		case memberURL:
			patch.WebhookURL = &webhookURL
		case memberHealthURL:
			patch.HealthCheckURL = &healthURL
		case memberProducts:
			patch.Products = subscribedProducts(wanted.Products)
		case memberScope:
			patch.Scope = &cybs.Scope{Kind: cybs.ScopeKind(wanted.Scope)}
		case memberRetry:
			policy := retryPolicyOf(wanted.RetryPolicy)
			patch.RetryPolicy = &policy
		case memberName:
			patch.Name = &wanted.Name
		case memberDescription:
			patch.Description = &wanted.Description
		}
	}
	return differs
}

// securityDrifts reports whether Cybersource has another security policy than it was told last.
func securityDrifts(v store.Subscription) bool {
	found, has, ok := answeredNow(v)
	return ok && has[memberSecurity] && !isAnnounced(v) && !jobs.SamePolicy(found.SecurityPolicy, told(v))
}

// driftPairs are differences as a page lists them.
func driftPairs(drifts []drift) []ui.Pair {
	var pairs []ui.Pair
	for _, d := range drifts {
		pairs = append(pairs, ui.Pair{Name: d.name, Value: fmt.Sprintf("At Cybersource: %s. Wanted: %s.", orWord(d.there, "nothing"), orWord(d.wanted, "nothing"))})
	}
	return pairs
}

// driftText names the differences in one sentence.
func driftText(drifts []drift) string {
	if len(drifts) == 0 {
		return ""
	}
	names := make([]string, len(drifts))
	for i, d := range drifts {
		names[i] = strings.ToLower(d.name[:1]) + d.name[1:]
	}
	return "Different at Cybersource: " + strings.Join(names, ", ")
}

// driftNotice stands above the form while Cybersource has something else than wanted.
func (s *Server) driftNotice(v store.Subscription) []subscriptions.Notice {
	drifts := s.driftsOf(v)
	if len(drifts) == 0 {
		return nil
	}
	text := "Somebody changed it there, not here. Saving sends what stands in this form, so Cybersource has it as wanted again."
	for _, p := range driftPairs(drifts) {
		text += " " + p.Name + ": " + p.Value
	}
	return []subscriptions.Notice{{Tone: ui.Bad, Title: driftText(drifts), Text: text}}
}

// repairAction leads to where the difference can be repaired.
func repairAction(v store.Subscription, reason string) ui.Action {
	return ui.Action{Label: "Review and repair", Href: paths.EditSubscriptionOf(v.ID), Icon: ui.IconEdit, Kind: ui.Primary, Reason: reason}
}

// shownPath is how much of a path is shown of an address that may be a secret.
const shownPath = 12

// shortURL is an address without the end of its path and without its query: those make it unguessable.
func shortURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return cutRunes(readable(text), shownPath)
	}
	path := u.Path
	if r := []rune(path); len(r) > shownPath {
		path = string(r[:shownPath]) + "…"
	}
	return readable(u.Scheme + "://" + u.Host + path)
}

func sameText(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

func productWords(list []cybs.SubscribedProduct) string {
	var words []string
	for _, p := range list {
		for _, e := range p.EventTypes {
			words = append(words, p.ProductID+": "+e)
		}
	}
	slices.SortFunc(words, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return readable(strings.Join(slices.Compact(words), ", "))
}

func policyWords(p cybs.SecurityPolicy) string {
	words := readable(orWord(string(p.Type), "none"))
	if p.OAuth.URL != "" {
		words += " with tokens from " + shortURL(p.OAuth.URL)
	}
	if id := firstOf(p.OAuth.ClientID, p.OAuth.KeyID); id != "" {
		words += " as " + readable(id)
	}
	return words
}

func retryWords(p store.RetryPolicy) string {
	words := fmt.Sprintf("%s, first after %d min, step %d, %d retries", p.Algorithm, p.FirstRetry, p.Interval, p.NumberOfRetries)
	if p.RepeatSequenceCount > 0 {
		words += fmt.Sprintf(", repeated %d times after %d min", p.RepeatSequenceCount, p.RepeatSequenceWaitTime)
	}
	if p.DeactivateFlag {
		words += ", suspends when all have failed"
	}
	return readable(words)
}
