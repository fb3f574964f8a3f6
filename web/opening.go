package web

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/views/ui"
)

// asParam says which of the two texts of an encrypted delivery is shown: what was opened, or with asReceived what came.
const (
	asParam    = "as"
	asReceived = "received"
)

// opening is the body of a delivery with, where it came encrypted, what was opened of it.
type opening struct {
	body []byte
	// lost says that the body is stored but cannot be read: its sealing key is gone.
	lost      bool
	encrypted bool
	// plain is what was decrypted; nil when nothing was.
	plain []byte
	// kept says that plain is the masked payload kept for search: the encryption key is not there any more.
	kept bool
	how  *cybs.Opened
}

// open reads the body of a delivery and decrypts it again where it is encrypted: the clear text is kept nowhere. payload is what grouping kept of it for
// search, and may be nil.
func (s *Server) open(ctx context.Context, d store.Delivery, payload json.RawMessage) (opening, error) {
	body, err := s.store.DeliveryBody(ctx, d.ID)
	if errors.Is(err, store.ErrSealBroken) {
		return opening{lost: true}, nil
	}
	if err != nil {
		return opening{}, err
	}
	d.Body = body
	n, err := s.openDelivery(d)
	o := opening{body: body, how: n.Encryption, encrypted: n.Encryption != nil || n.Form == cybs.FormEncrypted}
	switch {
	case !o.encrypted:
	case n.Encryption != nil && n.Encryption.Plain != nil && !errors.Is(err, cybs.ErrMLENested):
		o.plain = n.Encryption.Plain
	case len(payload) > 0:
		o.plain, o.kept = payload, true
	}
	return o, nil
}

// parseOnly reads a delivery without any key.
func parseOnly(d store.Delivery) (*cybs.Notification, error) {
	h := make(http.Header, len(d.Headers))
	for _, line := range d.Headers {
		h.Add(line[0], line[1])
	}
	return cybs.ParseNotification(h, d.Body)
}

// shows is the text that is shown, copied and downloaded: what was opened, unless what came is asked for.
func (o opening) shows(c echo.Context) []byte {
	if o.plain != nil && c.QueryParam(asParam) != asReceived {
		return o.plain
	}
	return o.body
}

// tabs choose between the two texts; there are none where there is one text alone.
func (o opening) tabs(c echo.Context, href func(changes ...string) string) []ui.Tab {
	if o.plain == nil {
		return nil
	}
	received, view := c.QueryParam(asParam) == asReceived, c.QueryParam(viewParam)
	return []ui.Tab{
		{Label: "Opened", Href: href(viewParam, view, asParam, ""), Current: !received},
		{Label: "As received", Href: href(viewParam, view, asParam, asReceived), Current: received},
	}
}

// text says how it was encrypted: certificate, algorithms, content type.
func (o opening) text() string {
	if o.how == nil {
		return ""
	}
	h := o.how.Header
	text := fmt.Sprintf("Encrypted with %s and %s", orWord(readable(h.Algorithm), "no algorithm named"), orWord(readable(h.Encryption), "none named"))
	if h.ContentType != "" {
		text += ", content type " + readable(h.ContentType)
	}
	if h.KeyID != "" {
		text += ", to key " + readable(h.KeyID)
	}
	if o.how.Wrapping != "" {
		text += ", in " + wrappingText(o.how.Wrapping)
	}
	text += "."
	if o.how.Key != nil {
		text += fmt.Sprintf(" Opened by the certificate with the serial number %s, key %s.", serialOf(o.how.Key.Certificate), orWord(o.how.Key.ID, "without an id"))
	}
	return text
}

func wrappingText(w cybs.Wrapping) string {
	if w == cybs.WrapBare {
		return "the whole body"
	}
	return "the member " + string(w)
}

// serialOf is a certificate's number as pages show it.
func serialOf(c *cybs.Certificate) string {
	parsed, err := x509.ParseCertificate(c.DER())
	if err != nil {
		return "that cannot be read" // it was parsed before, so this does not happen
	}
	return parsed.SerialNumber.Text(16)
}

// step tells in a life-line or a verification that the delivery was opened, or was not; its title is empty for what was never encrypted.
func (o opening) step() ui.LifeStep {
	switch {
	case !o.encrypted:
		return ui.LifeStep{}
	case o.kept:
		return ui.LifeStep{Title: "Decrypted", Tone: ui.Good, Detail: "It was opened when it arrived. Its key is not kept here any more. " + o.text()}
	case o.plain == nil:
		return ui.LifeStep{Title: "Encrypted, not opened", Tone: ui.Waiting, Detail: "No key that is kept here opens it. " + o.text()}
	}
	return ui.LifeStep{Title: "Decrypted", Tone: ui.Good, Detail: o.text()}
}
