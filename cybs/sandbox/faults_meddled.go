package sandbox

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/switchboardhq/switchboard/cybs"
)

// The faults of what stands between a sender and a receiver, and of senders that
// sign in another way. Receivers can find each of them out.
const (
	// FaultByteOrderMark has a byte order mark put before the body.
	FaultByteOrderMark Fault = "byte-order-mark"
	// FaultLineEnd is signed over its whole body, to which a line end was added.
	FaultLineEnd Fault = "line-end"
	// FaultEscapedBody has a character of its payload written as a \u escape.
	FaultEscapedBody Fault = "escaped-body"
	// FaultCharset has its body converted to UTF-16.
	FaultCharset Fault = "charset"
	// FaultCompressed has its body compressed, and no header says so.
	FaultCompressed Fault = "compressed"
	// FaultNoTimestamp is signed without the time.
	FaultNoTimestamp Fault = "no-timestamp"
	// FaultKeyText is signed with the base64 text of the key.
	FaultKeyText Fault = "key-text"
	// FaultSwappedKey names the organization's key and is signed by its previous one.
	// It needs one.
	FaultSwappedKey Fault = "swapped-key"
)

var errNoPrevious = errors.New("organization has no replaced signature key")

func meddledFaults() []Fault {
	return []Fault{
		FaultByteOrderMark, FaultLineEnd, FaultEscapedBody, FaultCharset, FaultCompressed, FaultNoTimestamp, FaultKeyText, FaultSwappedKey,
	}
}

func (f Fault) meddledWords() string {
	switch f {
	case FaultByteOrderMark:
		return "Byte order mark added to the body"
	case FaultLineEnd:
		return "Line end added to the body"
	case FaultEscapedBody:
		return "Body written with escapes, as a proxy does"
	case FaultCharset:
		return "Body converted to UTF-16"
	case FaultCompressed:
		return "Body still compressed"
	case FaultNoTimestamp:
		return "Signed without the time"
	case FaultKeyText:
		return "Signed with the key's text"
	case FaultSwappedKey:
		return "Signed with the former key under the current one's id"
	}
	return string(f)
}

// signDifferently spoils how a draft is signed.
func (f Fault) signDifferently(d *draft) error {
	switch f {
	case FaultLineEnd:
		d.signed = d.out.body
	case FaultNoTimestamp:
		d.sign = signBare
	case FaultKeyText:
		d.key.Secret = cybs.Secret(d.key.Secret.Base64())
	case FaultSwappedKey:
		if d.previous.ID == "" {
			return errNoPrevious
		}
		d.key.Secret = d.previous.Secret
	}
	return nil
}

// signBare leaves the time out of what is signed.
func signBare(key cybs.Key, t time.Time, signed []byte) string {
	mac := hmac.New(sha256.New, key.Secret)
	mac.Write(signed) // never fails
	return fmt.Sprintf("t=%s;keyId=%s;sig=%s", strconv.FormatInt(t.UnixMilli(), 10), key.ID, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// meddle changes a body that is signed.
func (f Fault) meddle(body []byte) []byte {
	switch f {
	case FaultByteOrderMark:
		return slices.Concat([]byte("\ufeff"), body)
	case FaultLineEnd:
		return slices.Concat(body, []byte("\n"))
	case FaultEscapedBody:
		return escapeOne(body)
	case FaultCharset:
		var wide []byte
		for _, unit := range utf16.Encode([]rune("\ufeff" + string(body))) {
			wide = binary.BigEndian.AppendUint16(wide, unit)
		}
		return wide
	case FaultCompressed:
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(body) // a buffer takes everything
		_ = w.Close()
		return packed.Bytes()
	}
	return body
}

// escapeOne writes the first letter or digit of the payload's first text value as an
// escape: the same JSON in other bytes.
func escapeOne(body []byte) []byte {
	i := firstOfText(body)
	if i < 0 {
		return body
	}
	return slices.Concat(body[:i], fmt.Appendf(nil, `\u%04x`, body[i]), body[i+1:])
}
