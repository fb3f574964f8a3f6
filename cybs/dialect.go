package cybs

import (
	"fmt"
	"strings"
	"time"
)

// APIVersion is a generation of the URLs and bodies of products and subscriptions. Keys, the test call and replays exist
// in one form only and are the same under either.
type APIVersion string

// The generations. Both give the same Go types.
const (
	// APIVersion2 is today's; the empty APIVersion means it.
	APIVersion2 APIVersion = "v2"
	// APIVersion1 is what SDKs used until April 2025, and what guides of single products still print: one product to a
	// subscription, all three filters of a list required, and the status changed by PATCH.
	APIVersion1 APIVersion = "v1"
)

// KeyOrder says which of provider and tenant is the organization when something is stored; the other one is "nrtd". A
// signature key is made with provider "nrtd" under either order.
type KeyOrder string

// The orders.
const (
	// KeyOrderSpec stores with the organization as provider: the specification, the samples, the official SDK's tests, and
	// for certificates a note of Cybersource's own that a receiver quotes as authoritative. The empty KeyOrder means it.
	KeyOrderSpec KeyOrder = "spec"
	// KeyOrderGuide stores with the organization as tenant, as the webhooks guide prints it.
	KeyOrderGuide KeyOrder = "guide"
)

// FlagPlace is where deactivateFlag stands in a request.
type FlagPlace string

// The places.
const (
	// FlagInRetryPolicy is the place in Cybersource's model; the empty FlagPlace means it.
	FlagInRetryPolicy FlagPlace = "retry-policy"
	// FlagTopLevel is a member deactivateflag (in lower case) beside the retry policy, as one page of the guide has it.
	FlagTopLevel FlagPlace = "top-level"
	// FlagInBoth sends it in both places.
	FlagInBoth FlagPlace = "both"
)

// ScopeShape is how a notification scope is written.
type ScopeShape string

// The shapes.
const (
	// ScopeAuto writes SELF and DESCENDANTS as text and CUSTOM as an object, and in an update of version 1 always an
	// object. The empty ScopeShape means it.
	ScopeAuto ScopeShape = "auto"
	// ScopeText always writes text, which cannot name organizations.
	ScopeText ScopeShape = "text"
	// ScopeObject always writes an object.
	ScopeObject ScopeShape = "object"
)

// Dialect decides what is sent where Cybersource's documents contradict one another. The zero Dialect has the defaults
// named at each field; whatever is sent, all forms are read.
type Dialect struct {
	// KeyOrder is the order of provider and tenant when something is stored. Default: KeyOrderSpec.
	KeyOrder KeyOrder
	// DeactivateFlagPlace is where deactivateFlag is sent. Default: FlagInRetryPolicy.
	DeactivateFlagPlace FlagPlace
	// DeactivateFlagBool sends it as a boolean. Default: as text, its type in the model.
	DeactivateFlagBool bool
	// NoRetryPolicyOnPatch follows the specification, whose PATCH of version 2 has no retryPolicy: a patch with one is
	// then refused before it is sent. Default: it is sent, as the guide says.
	NoRetryPolicyOnPatch bool
	// ScopeShape is how notificationScope is written. Default: ScopeAuto.
	ScopeShape ScopeShape
	// ScopeDataText sends scopeData comma-separated, as the guide says. Default: as an array, its type in the model.
	ScopeDataText bool
	// ProxyType is sent with the security policy of a new subscription. Default: "external" in version 1, as in all of
	// its examples, and nothing in version 2, whose model does not have it.
	ProxyType string
	// ProductsPrefix precedes the path of the product list; one page of the guide prints "/webhooks" for production.
	// Default: none.
	ProductsPrefix string
	// GuideReplayPath asks for replays under /webhooks/{id}/replays, as the guide of 2023 printed it. Default: the path of
	// the SDKs, /nrtf/v1/webhooks/{id}/replays.
	GuideReplayPath bool
	// ReplayTimeLayout formats the window of a replay. Default: 2006-01-02T15:04:05.000Z07:00, the form in the SDKs' samples;
	// the guide's examples have no zone, and its text has a space in place of the T.
	ReplayTimeLayout string
	// ReplayUnchecked leaves the limits of replays to Cybersource. Default: they are checked before anything is sent.
	ReplayUnchecked bool
}

const defaultReplayLayout = "2006-01-02T15:04:05.000Z07:00"

// validate refuses values that mean nothing; that is a mistake of the program and not of a document.
func (d Dialect) validate(version APIVersion) error {
	switch {
	case version != "" && version != APIVersion1 && version != APIVersion2:
		return fmt.Errorf("API version %q is unknown", version)
	case d.KeyOrder != "" && d.KeyOrder != KeyOrderSpec && d.KeyOrder != KeyOrderGuide:
		return fmt.Errorf("key order %q is unknown", d.KeyOrder)
	case d.DeactivateFlagPlace != "" && d.DeactivateFlagPlace != FlagInRetryPolicy && d.DeactivateFlagPlace != FlagTopLevel &&
		d.DeactivateFlagPlace != FlagInBoth:
		return fmt.Errorf("place %q of deactivateFlag is unknown", d.DeactivateFlagPlace)
	case d.ScopeShape != "" && d.ScopeShape != ScopeAuto && d.ScopeShape != ScopeText && d.ScopeShape != ScopeObject:
		return fmt.Errorf("scope shape %q is unknown", d.ScopeShape)
	case d.ProductsPrefix != "" && (d.ProductsPrefix[0] != '/' || strings.ContainsAny(d.ProductsPrefix, "?#%")):
		return fmt.Errorf("products prefix %q is not a path", d.ProductsPrefix)
	}
	return nil
}

// storeOrder returns provider and tenant for something that is stored.
func (d Dialect) storeOrder(organizationID string) (provider, tenant string) {
	if d.KeyOrder == KeyOrderGuide {
		return keyService, organizationID
	}
	return organizationID, keyService
}

// deactivateFlag returns what stands inside the retry policy and beside it; nil for nothing.
func (d Dialect) deactivateFlag(on bool) (inside, beside any) {
	var value any = fmt.Sprint(on)
	if d.DeactivateFlagBool {
		value = on
	}
	switch d.DeactivateFlagPlace {
	case FlagTopLevel:
		return nil, value
	case FlagInBoth:
		return value, value
	}
	return value, nil
}

// scope returns what is sent for s; nil for the zero Scope.
func (d Dialect) scope(s *Scope, asObject bool) (any, error) {
	if s == nil || s.Kind == "" && len(s.OrganizationIDs) == 0 {
		return nil, nil
	}
	asObject = asObject || s.Kind == ScopeCustom || len(s.OrganizationIDs) > 0
	switch {
	case d.ScopeShape == ScopeText && len(s.OrganizationIDs) > 0:
		return nil, fmt.Errorf("%w: a scope written as text cannot name organizations", ErrInvalidArgument)
	case d.ScopeShape == ScopeText, d.ScopeShape != ScopeObject && !asObject:
		return string(s.Kind), nil
	}
	o := sentScope{Scope: s.Kind}
	if len(s.OrganizationIDs) > 0 {
		o.ScopeData = s.OrganizationIDs
		if d.ScopeDataText {
			o.ScopeData = strings.Join(s.OrganizationIDs, ",")
		}
	}
	return o, nil
}

// replayTime writes one end of a replay's window.
func (d Dialect) replayTime(t time.Time) string {
	if d.ReplayTimeLayout != "" {
		return t.Format(d.ReplayTimeLayout)
	}
	return t.Format(defaultReplayLayout)
}
