package web

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Names of the parameters that narrow a list. They are the whole state of one: a link shows the same to everybody.
const (
	organizationParam = "organization"
	subscriptionParam = "subscription"
	productParam      = "product"
	eventTypeParam    = "type"
	statusParam       = "status"
	reasonParam       = "reason"
	rungParam         = "rung"
	keyParam          = "key"
	fromParam         = "from"
	toParam           = "to"
	searchParam       = "q"
	sizeParam         = "size"
	liveParam         = "live"
	olderParam        = "older"
	newerParam        = "newer"
	sinceParam        = "since" // counts what is newer than a row
)

// filterParams are those that say which rows are meant, in the order of their chips; the others say how many and from where on.
var filterParams = []string{searchParam, organizationParam, subscriptionParam, productParam, eventTypeParam, statusParam, reasonParam, rungParam, keyParam, fromParam, toParam}

const (
	maxParamRunes = 300
	defaultSize   = 50
)

var pageSizes = []int{25, defaultSize, 100}

// ranges are the relative time ranges offered. They stay relative in the address.
var ranges = []ui.Option{{Value: "-1h", Label: "Last hour"}, {Value: "-24h", Label: "Last 24 hours"}, {Value: "-7d", Label: "Last 7 days"}, {Value: "-30d", Label: "Last 30 days"}}

// scope is what filters and rows name things by: the organizations and subscriptions of the console's environment.
type scope struct {
	organizations []store.Organization
	subscriptions []store.Subscription // deleted ones too: what they received stays
}

func (sc scope) organization(id int64) (store.Organization, bool) {
	i := slices.IndexFunc(sc.organizations, func(o store.Organization) bool { return o.ID == id })
	if i < 0 {
		return store.Organization{}, false
	}
	return sc.organizations[i], true
}

// organizationIDs is never nil, which would mean the organizations of every environment.
func (sc scope) organizationIDs() []int64 {
	ids := make([]int64, 0, len(sc.organizations))
	for _, o := range sc.organizations {
		ids = append(ids, o.ID)
	}
	return ids
}

func (sc scope) organizationName(id int64) string {
	if o, ok := sc.organization(id); ok {
		return o.Name
	}
	return fmt.Sprintf("Organization %d", id)
}

func (sc scope) subscription(id int64) (store.Subscription, bool) {
	i := slices.IndexFunc(sc.subscriptions, func(v store.Subscription) bool { return v.ID == id })
	if i < 0 {
		return store.Subscription{}, false
	}
	return sc.subscriptions[i], true
}

func (sc scope) subscriptionName(id int64) string {
	if v, ok := sc.subscription(id); ok {
		return v.Name
	}
	return fmt.Sprintf("Subscription %d", id)
}

// subscribed lists what the subscriptions ask for: products, or event types of one product ("" means of all), in order.
func (sc scope) subscribed(list func(store.SubscribedProduct) []string) []string {
	var words []string
	for _, v := range sc.subscriptions {
		for _, p := range v.Products {
			words = append(words, list(p)...)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// filters is a list's state, read from its address.
type filters struct {
	values   url.Values // what was understood, as it stood in the address
	problems []string
	refused  url.Values // what was not
	ignored  []string   // names that no list understands
	scope    scope
	zone     *time.Location

	organizationID, subscriptionID int64
	productID, eventType           string
	status, reason, search         string
	rung, keyID                    string
	from, to                       time.Time
	page                           store.Page
	live                           bool
	// absolute is set when the address holds a time without a zone: it was typed in this person's zone, and must become one
	// that is the same for everybody.
	absolute bool
}

// readFilters never fails: what cannot be read is named in problems, and nothing may be listed then.
func readFilters(query url.Values, sc scope, now time.Time, zone *time.Location) *filters {
	f := &filters{values: url.Values{}, refused: url.Values{}, scope: sc, zone: zone}
	f.take(query, searchParam, f.readSearch)
	f.take(query, organizationParam, f.readOrganization)
	f.take(query, subscriptionParam, f.readSubscription)
	f.take(query, productParam, func(v string) string { f.productID = v; return "" })
	f.take(query, eventTypeParam, func(v string) string { f.eventType = v; return "" })
	f.take(query, statusParam, func(v string) string { f.status = v; return "" })
	f.take(query, reasonParam, f.readReason)
	f.take(query, rungParam, f.readRung)
	f.take(query, keyParam, func(v string) string { f.keyID = cybs.NormalID(v); return "" })
	f.take(query, fromParam, func(v string) string { return f.readTime(&f.from, v, now) })
	f.take(query, toParam, func(v string) string { return f.readTime(&f.to, v, now) })
	f.take(query, sizeParam, f.readSize)
	f.take(query, olderParam, func(v string) string { return readID(&f.page.OlderThan, v) })
	f.take(query, newerParam, func(v string) string { return readID(&f.page.NewerThan, v) })
	f.take(query, liveParam, func(v string) string { f.live = v == "1"; return "" })
	if !f.from.IsZero() && !f.to.IsZero() && !f.from.Before(f.to) {
		f.refuse(toParam, f.values.Get(toParam), "The time range ends before it begins.")
	}
	if !f.page.OlderThan.IsZero() && !f.page.NewerThan.IsZero() {
		f.refuse(newerParam, f.values.Get(newerParam), "A page is either newer or older than another, not both.")
	}
	return f
}

// take reads one parameter; read returns what is wrong with it.
func (f *filters) take(query url.Values, name string, read func(value string) string) {
	value := strings.TrimSpace(query.Get(name))
	if value == "" {
		return
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) || utf8.RuneCountInString(value) > maxParamRunes {
		f.refuse(name, cutRunes(strings.ToValidUTF8(value, "\uFFFD"), 40), "It is too long, or holds bytes that are not text.")
		return
	}
	if problem := read(value); problem != "" {
		f.refuse(name, value, problem)
		return
	}
	f.values.Set(name, value)
}

func (f *filters) refuse(name, value, problem string) {
	f.values.Del(name)
	f.refused.Set(name, value)
	f.problems = append(f.problems, fmt.Sprintf("%s=%s: %s", name, value, problem))
}

func (f *filters) readReason(value string) string {
	if !knownReason(value) {
		return "There is no such reason."
	}
	f.reason = value
	return ""
}

func (f *filters) readRung(value string) string {
	if !knownRung(value) {
		return "There is no such explanation."
	}
	f.rung = value
	return ""
}

// listParams are what a list's address may have beside filters.
var listParams = []string{sizeParam, liveParam, olderParam, newerParam, sinceParam, rangeParam}

// nameUnknown notes what no list understands, so that the page can say that it was left out.
func (f *filters) nameUnknown(query url.Values) {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(filterParams, name) && !slices.Contains(listParams, name) {
			f.ignored = append(f.ignored, cutRunes(readable(name), 40))
		}
	}
}

// foreign refuses filters that this list does not have, and reports whether there were any.
func (f *filters) foreign(problem string, names ...string) bool {
	found := false
	for _, name := range names {
		if value := f.values.Get(name); value != "" {
			f.refuse(name, value, problem)
			found = true
		}
	}
	return found
}

func (f *filters) readOrganization(value string) string {
	i := slices.IndexFunc(f.scope.organizations, func(o store.Organization) bool {
		return o.OrganizationID == value || strconv.FormatInt(o.ID, 10) == value
	})
	if i < 0 {
		return "There is no such organization here."
	}
	f.organizationID = f.scope.organizations[i].ID
	return ""
}

func (f *filters) readSubscription(value string) string {
	id, err := strconv.ParseInt(value, 10, 64)
	if err != nil || id <= 0 {
		return "A subscription is named by the number in its address."
	}
	f.subscriptionID = id
	return ""
}

// readSearch takes a whole id. A subscription's id and an event type are filters of their own.
func (f *filters) readSearch(value string) string {
	value = cybs.NormalID(value)
	for _, v := range f.scope.subscriptions {
		if v.WebhookID != "" && strings.EqualFold(v.WebhookID, value) {
			f.subscriptionID = v.ID
			return ""
		}
	}
	f.search = value
	return ""
}

func (f *filters) readSize(value string) string {
	n, err := strconv.Atoi(value)
	if err != nil || !slices.Contains(pageSizes, n) {
		return "A page has 25, 50 or 100 rows."
	}
	f.page.Limit = n
	return ""
}

func readID(into *store.ID, value string) string {
	id, err := store.ParseID(value)
	if err != nil {
		return "This is not the id of a row."
	}
	*into = id
	return ""
}

// readTime reads -24h or -7d back from now, a time with its zone, or one as an input of type datetime-local sends it.
func (f *filters) readTime(into *time.Time, value string, now time.Time) string {
	if back, ok := strings.CutPrefix(value, "-"); ok {
		d, ok := readBack(back)
		if !ok {
			return "A relative time is -24h or -7d, and goes back at most 3,660 days."
		}
		*into = now.Add(-d)
		return ""
	}
	if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
		*into = t
		return ""
	}
	zone := f.zone
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, value, zone); err == nil {
			*into, f.absolute = t, true
			return ""
		}
	}
	return "This is not a time. Write -24h, 2026-01-31 or 2026-01-31T14:00:00Z."
}

func readBack(text string) (time.Duration, bool) {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	if len(text) < 2 {
		return 0, false
	}
	unit, known := units[text[len(text)-1]]
	n, err := strconv.Atoi(text[:len(text)-1])
	const most = 3660 * 24 * time.Hour
	if !known || err != nil || n <= 0 || n > int(most/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// organizations are those whose rows are meant: the one chosen, or all of the console's environment.
func (f *filters) organizations() []int64 {
	if f.organizationID != 0 {
		return []int64{f.organizationID}
	}
	return f.scope.organizationIDs()
}

// any reports whether rows are left out.
func (f *filters) any() bool {
	return slices.ContainsFunc(filterParams, func(name string) bool { return f.values.Has(name) || f.refused.Has(name) })
}

// query is the list's address with some parameters set in turns of name and value; an empty value takes one off. Where the
// list begins is left out: another filter is another list.
func (f *filters) query(changes ...string) url.Values {
	q := url.Values{}
	for name, values := range f.values {
		if name != olderParam && name != newerParam {
			q[name] = values
		}
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "" {
			q.Del(changes[i])
		} else {
			q.Set(changes[i], changes[i+1])
		}
	}
	return q
}

// href is path with the list's state and changes to it.
func (f *filters) href(path string, changes ...string) string {
	return paths.WithQuery(path, f.query(changes...))
}

// detail is the page of one row, which leads back to this list and through it.
func (f *filters) detail(path string) string { return f.href(path, liveParam, "", sizeParam, "") }

// fixed is the list's address with times that are the same for everybody.
func (f *filters) fixed(path string) string {
	var changes []string
	for name, t := range map[string]time.Time{fromParam: f.from, toParam: f.to} {
		if value := f.values.Get(name); value != "" && !strings.HasPrefix(value, "-") {
			changes = append(changes, name, t.UTC().Format(time.RFC3339))
		}
	}
	return f.href(path, changes...)
}

// chips are the filters in force, and those that were not understood.
func (f *filters) chips(path string) []ui.Chip {
	var chips []ui.Chip
	for _, name := range filterParams {
		value := f.values.Get(name)
		if value == "" {
			value = f.refused.Get(name)
		}
		if value != "" {
			chips = append(chips, ui.Chip{Label: paramLabels[name], Value: f.chipText(name, value), RemoveHref: f.href(path, name, "")})
		}
	}
	return chips
}

var paramLabels = map[string]string{
	searchParam: "Id", organizationParam: "Organization", subscriptionParam: "Subscription", productParam: "Product", eventTypeParam: "Event type",
	statusParam: "Status", reasonParam: "Reason", rungParam: "Explanation", keyParam: "Key id", fromParam: "From", toParam: "Until",
}

func (f *filters) chipText(name, value string) string {
	if f.refused.Has(name) {
		return value
	}
	switch name {
	case organizationParam:
		return f.scope.organizationName(f.organizationID)
	case subscriptionParam:
		return f.scope.subscriptionName(f.subscriptionID)
	case statusParam:
		return statusLabel(store.NotificationStatus(value))
	case reasonParam:
		return reasonOf(value).text
	case rungParam:
		return rungOf(value).text
	case fromParam, toParam:
		if i := slices.IndexFunc(ranges, func(o ui.Option) bool { return o.Value == value }); i >= 0 {
			return ranges[i].Label
		}
		if strings.HasPrefix(value, "-") {
			return strings.TrimPrefix(value, "-") + " ago"
		}
		t := f.from
		if name == toParam {
			t = f.to
		}
		return f.local(t).Format("2 Jan 2006, 15:04 MST")
	}
	return value
}

func (f *filters) local(t time.Time) time.Time {
	if f.zone == nil {
		return t.UTC()
	}
	return t.In(f.zone)
}

func cutRunes(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
