// Package paths names every address the console answers at.
//
// The constants are route patterns, with `:id` where a value goes; web registers
// them. The functions build one concrete address, with the value escaped; views
// and redirects use them. Nothing else in the house spells a path, so from a URL
// the file can be guessed and from a file the URL.
package paths

import (
	"net/url"
	"strconv"
	"strings"
)

// Route patterns, as echo takes them.
const (
	Overview    = "/"
	SignIn      = "/sign-in"
	SignOut     = "/sign-out"
	SetUp       = "/set-up/:token"
	Preferences = "/preferences"
	Styleguide  = "/styleguide"
	Password    = "/password" // one's own
	// KeptForm gives back what was typed into a form that arrived after its session had ended.
	KeptForm = "/kept/:id"

	Subscriptions          = "/subscriptions"
	NewSubscription        = "/subscriptions/new"
	Subscription           = "/subscriptions/:id"
	EditSubscription       = "/subscriptions/:id/edit"
	ActivateSubscription   = "/subscriptions/:id/activate"
	DeactivateSubscription = "/subscriptions/:id/deactivate"
	TestSubscription       = "/subscriptions/:id/test"
	RefreshSubscription    = "/subscriptions/:id/refresh"
	DeleteSubscription     = "/subscriptions/:id/delete"
	// SubscriptionSecurity asks (GET) before something is done (POST) about a credential.
	SubscriptionSecurity = "/subscriptions/:id/security/:deed"

	Notifications     = "/notifications"
	LiveNotifications = "/notifications/live"
	Notification      = "/notifications/:id"

	Rejected         = "/rejected"
	RejectedDelivery = "/rejected/:id"
	// DiscardRejected asks before deleting what its filters find (GET) and deletes (POST).
	DiscardRejected = "/rejected/discard"
	// Judgements lists the times that rejected deliveries were judged again (GET) and takes the filters of a new one (POST).
	Judgements       = "/rejected/judgements"
	NewJudgement     = "/rejected/judgements/new"
	Judgement        = "/rejected/judgements/:id"
	ReleaseJudgement = "/rejected/judgements/:id/release"

	// Ungrouped lists the deliveries that could not be made into notifications.
	Ungrouped    = "/deliveries/ungrouped"
	Delivery     = "/deliveries/:id"
	DeliveryBody = "/deliveries/:id/body"
	// DeliveryRecord is what else is stored of one delivery, as a file.
	DeliveryRecord = "/deliveries/:id/record"

	Organizations      = "/organizations"
	NewOrganization    = "/organizations/new"
	Organization       = "/organizations/:id"
	EditOrganization   = "/organizations/:id/edit"
	SwitchOrganization = "/organizations/:id/switch"
	CheckOrganization  = "/organizations/:id/check"
	// RemoveOrganization asks before an organization without subscriptions is removed (GET) and removes it (POST).
	RemoveOrganization = "/organizations/:id/remove"

	// SignatureKeys takes a POST with a digital signature key that was made elsewhere.
	SignatureKeys   = "/organizations/:id/keys"
	NewSignatureKey = "/organizations/:id/keys/new"
	// RetireSignatureKey asks before a digital signature key is retired (GET) and retires it (POST).
	RetireSignatureKey = "/organizations/:id/keys/:key/retire"

	Team           = "/team"
	NewMember      = "/team/new"
	Member         = "/team/:id"
	MemberPassword = "/team/:id/password" //nolint:gosec // a path, not a password
	DisableMember  = "/team/:id/disable"
	EnableMember   = "/team/:id/enable"
	AuditLog       = "/audit"
	AuditEntry     = "/audit/:id"
	Playground     = "/playground"
	// Trickle takes a POST that switches the events that happen by themselves.
	Trickle = "/playground/trickle"

	// Static is the prefix below which package static serves its files.
	Static = "/static/*"
)

// SetUpWith is the one-time address at which the first administrator chooses a password.
func SetUpWith(token string) string { return fill(SetUp, token) }

// SignInThen is the sign-in page that leads on to next afterwards; next is a local path.
func SignInThen(next string) string { return With(SignIn, "next", next) }

// ShowKeptForm is the page that gives back what was typed into one form.
func ShowKeptForm(id string) string { return fill(KeptForm, id) }

// ShowSubscription is the page of one subscription.
func ShowSubscription(id int64) string { return fillID(Subscription, id) }

// ShowSubscriptionTab is one tab of a subscription's page.
func ShowSubscriptionTab(id int64, tab string) string {
	return With(ShowSubscription(id), "tab", tab)
}

// EditSubscriptionOf is the form that changes one subscription.
func EditSubscriptionOf(id int64) string { return fillID(EditSubscription, id) }

// ActivateSubscriptionOf takes a POST that asks Cybersource to start sending.
func ActivateSubscriptionOf(id int64) string { return fillID(ActivateSubscription, id) }

// DeactivateSubscriptionOf takes a POST that asks Cybersource to stop sending.
func DeactivateSubscriptionOf(id int64) string { return fillID(DeactivateSubscription, id) }

// TestSubscriptionOf takes a POST that asks Cybersource for one test notification.
func TestSubscriptionOf(id int64) string { return fillID(TestSubscription, id) }

// RefreshSubscriptionOf takes a POST that reads the subscription from Cybersource again.
func RefreshSubscriptionOf(id int64) string { return fillID(RefreshSubscription, id) }

// DeleteSubscriptionOf asks before deleting (GET) and deletes (POST).
func DeleteSubscriptionOf(id int64) string { return fillID(DeleteSubscription, id) }

// SubscriptionSecurityDeed asks before something is done about a credential of a subscription (GET) and does it (POST).
func SubscriptionSecurityDeed(id int64, deed string) string {
	return ShowSubscription(id) + "/security/" + url.PathEscape(deed)
}

// RemoveOrganizationOf asks before removing one organization (GET) and removes it (POST).
func RemoveOrganizationOf(id int64) string { return fillID(RemoveOrganization, id) }

// ShowNotification is the page of one notification. The id is opaque to views: it
// carries the time by which the partition is found.
func ShowNotification(id string) string { return fill(Notification, id) }

// ShowNotificationTab is one tab of a notification's page.
func ShowNotificationTab(id, tab string) string { return With(ShowNotification(id), "tab", tab) }

// ShowRejected is the page of one delivery in quarantine.
func ShowRejected(id string) string { return fill(RejectedDelivery, id) }

// ShowJudgement is the page of one time that rejected deliveries were judged again.
func ShowJudgement(id int64) string { return fillID(Judgement, id) }

// ReleaseOfJudgement asks before releasing what passes (GET) and releases (POST).
func ReleaseOfJudgement(id int64) string { return fillID(ReleaseJudgement, id) }

// ShowDelivery is the page of one delivery.
func ShowDelivery(id string) string { return fill(Delivery, id) }

// DownloadDeliveryBody is the body of one delivery as a file.
func DownloadDeliveryBody(id string) string { return fill(DeliveryBody, id) }

// DownloadDeliveryRecord is the stored row of one delivery as a file.
func DownloadDeliveryRecord(id string) string { return fill(DeliveryRecord, id) }

// ShowOrganization is the page of one organization.
func ShowOrganization(id int64) string { return fillID(Organization, id) }

// EditOrganizationOf is the form that changes one organization.
func EditOrganizationOf(id int64) string { return fillID(EditOrganization, id) }

// SwitchToOrganization takes a POST that makes one organization the chosen one.
func SwitchToOrganization(id int64) string { return fillID(SwitchOrganization, id) }

// CheckOrganizationOf takes a POST that tries an organization's credentials at Cybersource.
func CheckOrganizationOf(id int64) string { return fillID(CheckOrganization, id) }

// SignatureKeysOf takes a POST that adds a digital signature key to an organization.
func SignatureKeysOf(id int64) string { return fillID(SignatureKeys, id) }

// RetireSignatureKeyOf asks before a digital signature key of an organization is retired.
func RetireSignatureKeyOf(id, key int64) string {
	return strings.Replace(fillID(RetireSignatureKey, id), ":key", strconv.FormatInt(key, 10), 1)
}

// NewSignatureKeyOf is the form for a digital signature key that was made elsewhere.
func NewSignatureKeyOf(id int64) string { return fillID(NewSignatureKey, id) }

// ShowMember is the page of one person of the team.
func ShowMember(id int64) string { return fillID(Member, id) }

// MemberPasswordOf takes a POST that gives a person a new password.
func MemberPasswordOf(id int64) string { return fillID(MemberPassword, id) }

// DisableMemberOf takes a POST after which a person can no longer sign in.
func DisableMemberOf(id int64) string { return fillID(DisableMember, id) }

// EnableMemberOf takes a POST after which a disabled person can sign in again.
func EnableMemberOf(id int64) string { return fillID(EnableMember, id) }

// ShowAuditEntry is the page of one entry of the audit log.
func ShowAuditEntry(id int64) string { return fillID(AuditEntry, id) }

// With adds a query to a path: keys and values in turns. Pairs with an empty value
// are left out, so that an address never carries a filter that filters nothing. A
// key without a value is left out too.
func With(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Add(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	joint := "?"
	if strings.Contains(path, "?") {
		joint = "&"
	}
	return path + joint + q.Encode()
}

// WithQuery is path with all of q, encoded in the order of its keys.
func WithQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func fillID(pattern string, id int64) string { return fill(pattern, strconv.FormatInt(id, 10)) }

// fill puts value where the pattern's one `:name` segment stands.
func fill(pattern, value string) string {
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = url.PathEscape(value)
		}
	}
	return strings.Join(parts, "/")
}
