package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/mask"
	"github.com/switchboardhq/switchboard/views/deliveries"
	"github.com/switchboardhq/switchboard/views/paths"
	"github.com/switchboardhq/switchboard/views/ui"
)

// Parameters of a page about one thing, and the words they take.
const (
	tabParam      = "tab"
	viewParam     = "view"
	deliveryParam = "delivery"

	payloadTab      = "payload"
	headersTab      = "headers"
	verificationTab = "verification"
	deliveriesTab   = "deliveries"
	recordTab       = "record"
)

// maxCopyBytes bounds each form that is put into a page to be copied, by its own size; what is larger is downloaded.
const maxCopyBytes = 64 << 10

// maxShownBytes bounds the raw and hex views; the receiver takes no larger bodies.
const maxShownBytes = 1 << 20

// storeID is the `:id` of a path that names a notification or a delivery.
func storeID(c echo.Context) (store.ID, error) {
	id, err := store.ParseID(c.Param("id"))
	if err != nil {
		return store.ID{}, userError(http.StatusNotFound, nothingUnderText, err)
	}
	return id, nil
}

// showDelivery leads to the page that a delivery belongs to.
func (s *Server) showDelivery(c echo.Context) error {
	id, err := storeID(c)
	if err != nil {
		return err
	}
	d, err := s.visibleDelivery(c, id)
	if err != nil {
		return err
	}
	if d.Verdict == store.Rejected {
		return c.Redirect(http.StatusSeeOther, paths.ShowRejected(id.String()))
	}
	apart, err := s.store.ListUngrouped(c.Request().Context(), []int64{d.OrganizationID})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(apart, func(u store.Ungrouped) bool { return u.DeliveryID == id }) {
		return c.Redirect(http.StatusSeeOther, paths.Ungrouped+"#delivery-"+id.String())
	}
	return c.Redirect(http.StatusSeeOther, paths.With(paths.ShowNotificationTab(d.NotificationID.String(), deliveriesTab), deliveryParam, id.String()))
}

// visibleDelivery reads a delivery of the console's environment; others do not exist here.
func (s *Server) visibleDelivery(c echo.Context, id store.ID) (store.Delivery, error) {
	d, err := s.store.GetDelivery(c.Request().Context(), id)
	if err != nil {
		return store.Delivery{}, err
	}
	if _, ok := (scope{organizations: organizations(c)}).organization(d.OrganizationID); !ok {
		return store.Delivery{}, fmt.Errorf("get delivery %s: of another environment: %w", id, store.ErrNotFound)
	}
	return d, nil
}

// downloadBody sends a body as a file: opened where it came encrypted, masked, and as text that no browser takes for a page.
func (s *Server) downloadBody(c echo.Context) error {
	id, err := storeID(c)
	if err != nil {
		return err
	}
	d, err := s.visibleDelivery(c, id)
	if err != nil {
		return err
	}
	o, err := s.open(c.Request().Context(), d, s.keptPayload(c, d))
	if err != nil {
		return err
	}
	if o.lost {
		return userError(http.StatusGone, "The body cannot be opened: the encryption key it was sealed with is not configured any more.", store.ErrSealBroken)
	}
	return s.sendFile(c, id.String()+".txt", mask.JSON(o.shows(c)).Text)
}

// keptPayload is what grouping kept of a delivery for search; nil when there is none.
func (s *Server) keptPayload(c echo.Context, d store.Delivery) json.RawMessage {
	if d.NotificationID.IsZero() {
		return nil
	}
	n, err := s.store.GetNotification(c.Request().Context(), d.NotificationID)
	if err != nil {
		return nil // it is only needed where a key is gone; without it the body is sent as it came
	}
	return n.Payload
}

// downloadRecord sends the stored row of a delivery as a file, for when it is too large for a page.
func (s *Server) downloadRecord(c echo.Context) error {
	id, err := storeID(c)
	if err != nil {
		return err
	}
	d, err := s.visibleDelivery(c, id)
	if err != nil {
		return err
	}
	return s.sendFile(c, id.String()+"-record.txt", []byte(recordText(nil, []store.Delivery{d})))
}

// sendFile sends text that no browser takes for a page.
func (s *Server) sendFile(c echo.Context, name string, content []byte) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	return s.send(c, http.StatusOK, "text/plain; charset=utf-8", content)
}

// tabLinks are the tabs of a page about one thing. href makes an address from turns of name and value.
func tabLinks(current string, href func(changes ...string) string, tabs ...ui.Tab) []ui.Tab {
	for i, t := range tabs {
		tabs[i].Current = t.Href == current
		tabs[i].Href = href(tabParam, t.Href, viewParam, "")
	}
	return tabs
}

// payloadPart is the body of a delivery, opened and masked, or why it cannot be shown.
func (s *Server) payloadPart(c echo.Context, d store.Delivery, o opening, href func(changes ...string) string) deliveries.Body {
	switch {
	case o.lost:
		return deliveries.Body{Missing: ui.EmptyPlace{
			Kind: ui.CouldNotLoad, Title: "The body cannot be opened",
			Text: fmt.Sprintf("It is stored (%s, SHA-256 %x), but was changed, or the encryption key it was sealed with is not configured any more. Put that key back into ENCRYPTION_KEY and reload.",
				ui.BytesText(int64(d.BodyBytes)), d.BodySHA256[:8]),
		}}
	case len(o.body) == 0:
		return deliveries.Body{Missing: ui.EmptyPlace{Kind: ui.NeverHad, Title: "The body was empty", Text: "The request had headers alone."}}
	}
	as := c.QueryParam(asParam)
	masked := mask.JSON(o.shows(c))
	view := ui.PayloadView{
		Mode: viewMode(c), TreeHref: href(viewParam, "", asParam, as), RawHref: href(viewParam, "raw", asParam, as), HexHref: href(viewParam, "hex", asParam, as),
		DownloadHref: paths.With(paths.DownloadDeliveryBody(d.ID.String()), asParam, as), Raw: masked.Text[:min(len(masked.Text), maxShownBytes)],
	}
	view.Note = maskedNote(masked.Found, d.Blanked)
	if view.Mode == "tree" {
		view.Tree = maskedTree(masked)
	}
	b := deliveries.Body{View: view, As: o.tabs(c, href)}
	if o.encrypted {
		b.Encryption, b.NotOpened = o.step().Detail, o.plain == nil
	}
	fillCopies(&b, d, masked.Text)
	return b
}

func viewMode(c echo.Context) string {
	switch mode := c.QueryParam(viewParam); mode {
	case "raw", "hex":
		return mode
	}
	return "tree"
}

// maskedTree marks the values that hold something hidden. Spans are in order, so the one to look at is found at once, however many there are.
func maskedTree(r mask.Result) ui.JSONTree {
	return ui.ParseJSON(r.Text, ui.JSONOptions{Masked: func(from, to int) bool {
		i := sort.Search(len(r.Spans), func(i int) bool { return r.Spans[i].End > from })
		return i < len(r.Spans) && r.Spans[i].Start < to
	}})
}

// fillCopies offers the forms in which a body can be taken along. None of them has a secret: what proves that a request
// came from Cybersource is left out, and would not fit the masked body anyway.
func fillCopies(b *deliveries.Body, d store.Delivery, body []byte) {
	if len(body) > maxCopyBytes {
		b.CopyNote = "Too large to copy; download it."
		return
	}
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		b.CopyNote = "It holds bytes that are not text, which a clipboard would change; download it."
		return
	}
	b.Copies = append(b.Copies, deliveries.Copy{Label: "Copy raw", Text: string(body)})
	if indentedBytes(body) <= maxCopyBytes {
		var pretty bytes.Buffer
		if json.Indent(&pretty, body, "", indent) == nil {
			b.Copies = append(b.Copies, deliveries.Copy{Label: "Copy pretty", Text: pretty.String()})
		}
	}
	if curl := curlOf(d, body); len(curl) <= maxCopyBytes {
		b.Copies = append(b.Copies, deliveries.Copy{Label: "Copy curl", Text: curl})
	}
	if len(b.Copies) < allCopies {
		b.CopyNote = "Other forms are too large to copy; download it."
	}
}

const (
	indent    = "  "
	allCopies = 3
)

// indentedBytes is how long a JSON text is at most once it is indented. A text of brackets grows with its square, so this is asked first.
func indentedBytes(body []byte) int {
	size, depth, inString := len(body), 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			depth++
			size += 1 + depth*len(indent)
		case c == ',':
			size += 1 + depth*len(indent)
		case c == ':':
			size++
		case c == ']' || c == '}':
			depth = max(depth-1, 0)
			size += 1 + depth*len(indent)
		}
	}
	return size
}

// curlOf repeats a delivery as a command, to an address that whoever runs it names.
func curlOf(d store.Delivery, body []byte) string {
	var b strings.Builder
	b.WriteString("curl -sS -X POST \"$ENDPOINT_URL\"")
	for _, h := range d.Headers {
		if headerHidden(h[0]) || hopByHop(h[0]) || !utf8.ValidString(h[1]) || strings.ContainsRune(h[1], 0) {
			continue
		}
		b.WriteString(" \\\n  -H " + shellQuote(h[0]+": "+h[1]))
	}
	b.WriteString(" \\\n  --data-binary " + shellQuote(string(body)))
	return b.String()
}

// hopByHop headers are of the connection; curl sets its own.
func hopByHop(name string) bool {
	switch strings.ToLower(name) {
	case "host", "content-length", "connection", "transfer-encoding", "accept-encoding", "user-agent", "forwarded":
		return true
	}
	return strings.HasPrefix(strings.ToLower(name), "x-forwarded")
}

// headerHidden reports whether a header proves something, and is not copied.
func headerHidden(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "v-c-signature", "cookie", "proxy-authorization":
		return true
	}
	return false
}

// shellQuote is text as one word of a POSIX shell.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// headerMeanings explains Cybersource's headers (reference §8.1).
var headerMeanings = map[string]string{
	"v-c-signature":            "When it was signed, with which key, and the signature itself.",
	"v-c-event-type":           "What happened. A claim, unless the envelope is signed.",
	"v-c-organization-id":      "The organization that subscribed.",
	"v-c-product-name":         "The product whose event it is.",
	"v-c-request-type":         "NEW for the first attempt, another word for a retry.",
	"v-c-retry-count":          "0 for the first attempt, then 1, 2 …",
	"v-c-transaction-trace-id": "Names this attempt; every retry has its own.",
	"v-c-webhook-id":           "The subscription, as Cybersource names it.",
	"authorization":            "Sent where the security policy is OAuth. Only its scheme and a digest are kept.",
	"user-agent":               "Cybersource's sender has called itself Vert.x-WebClient.",
	"content-type":             "Cybersource sends application/json.",
	"x-forwarded-for":          "Added by a proxy on the way: the addresses it saw.",
}

// headerPairs lists the headers in the order in which they were kept.
func headerPairs(d store.Delivery) []ui.Pair {
	pairs := make([]ui.Pair, 0, len(d.Headers))
	for _, h := range d.Headers {
		pairs = append(pairs, ui.Pair{Name: h[0], Value: readable(h[1]), Hint: headerMeanings[strings.ToLower(h[0])], Mono: true, Copy: true})
	}
	return pairs
}

// readable is text that came from outside as a page can show it.
func readable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ':
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// attemptName is which attempt a delivery was.
func attemptName(d store.Delivery) string {
	if d.RetryNumber == 0 {
		return "First attempt"
	}
	return fmt.Sprintf("Retry %d", d.RetryNumber)
}

// answerText is the status answered, with its name.
func answerText(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return fmt.Sprint(status)
}

func tlsText(d store.Delivery) string {
	if d.TLS == "" {
		return "plain HTTP"
	}
	return d.TLS
}

func sourceText(d store.Delivery) string {
	if !d.Source.IsValid() {
		return ""
	}
	return d.Source.String()
}
