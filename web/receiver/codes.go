package receiver

import (
	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/mask"
)

// blank removes security codes and magnetic stripe data from a delivery before it is stored: not even its sealed body may hold them
// (docs/decisions/0022-security-codes-are-not-stored.md). The signature was looked at before, and the digests stay those of what arrived. In an encrypted
// delivery, as far as it was opened, the text without them is encrypted to the same key.
func (r *Receiver) blank(d *store.Delivery, v verdict) {
	if r.cfg.KeepSecurityCodes || len(d.Body) == 0 {
		return
	}
	if body, blanked := withoutCodes(d.Body, v); blanked > 0 {
		d.ReplaceBody(body, blanked)
	}
}

func withoutCodes(body []byte, v verdict) ([]byte, int) {
	outer := mask.Codes(body)
	opened := v.notification.Encryption
	if opened == nil || opened.Plain == nil {
		return outer.Text, outer.Found
	}
	inner := mask.Codes(opened.Plain)
	if inner.Found == 0 {
		return outer.Text, outer.Found
	}
	replaced, err := opened.Replace(outer.Text, inner.Text)
	if err != nil {
		replaced = inner.Text // what was encrypted is lost then, and what it said is kept
	}
	return replaced, outer.Found + inner.Found
}
