package cybs

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader is a parsed v-c-signature.
type SignatureHeader struct {
	Timestamp time.Time
	KeyID     string
	// MAC is the decoded signature, always 32 bytes.
	MAC []byte

	time string // the text of t, which is what was signed
}

const (
	maxSignatureHeader = 1024 // bytes; a real one has about 110
	maxKeyID           = 128
	maxSignatureTime   = 253402300799999 // the last millisecond of the year 9999, beyond which no format writes dates
)

// ParseSignatureHeader reads "t=<epoch milliseconds>;keyId=<id>;sig=<base64>". Cybersource's documents print it with
// stray quotes, semicolons and the header's name, and receivers have met white space and other orders; all of that is
// read. Refused, as ErrSignatureMalformed, are missing, repeated or empty parts, a t that is no plain number, and a
// signature that is not standard base64 of 32 bytes (missing padding is made good). An empty value is
// ErrSignatureMissing. On an error the header holds what could be read.
func ParseSignatureHeader(value string) (SignatureHeader, error) {
	var h SignatureHeader
	value = trimPart(value)
	if value == "" {
		return h, ErrSignatureMissing
	}
	if len(value) > maxSignatureHeader {
		return h, fmt.Errorf("%w: it has %d bytes", ErrSignatureMalformed, len(value))
	}
	if name, rest, ok := strings.Cut(value, ":"); ok && strings.EqualFold(trimPart(name), HeaderSignature) {
		value = rest
	}
	var seen [3]bool
	for part := range strings.SplitSeq(value, ";") {
		name, text, _ := strings.Cut(trimPart(part), "=")
		text = trimPart(text)
		i := -1
		var err error
		switch name = trimPart(name); {
		case strings.EqualFold(name, "t"):
			i, err = 0, h.setTime(text)
		case strings.EqualFold(name, "keyId"):
			i, err = 1, h.setKeyID(text)
		case strings.EqualFold(name, "sig"):
			i, err = 2, h.setMAC(text)
		}
		if err == nil && i >= 0 && seen[i] {
			err = fmt.Errorf("%s is repeated", name)
		}
		if err != nil {
			return h, fmt.Errorf("%w: %w", ErrSignatureMalformed, err)
		}
		if i >= 0 {
			seen[i] = true
		}
	}
	for i, name := range [...]string{"t", "keyId", "sig"} {
		if !seen[i] {
			return h, fmt.Errorf("%w: %s is missing", ErrSignatureMalformed, name)
		}
	}
	return h, nil
}

func (h *SignatureHeader) setTime(text string) error {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return errors.New("t is not a number of milliseconds")
		}
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms > maxSignatureTime {
		return errors.New("t is out of range")
	}
	h.time, h.Timestamp = text, time.UnixMilli(ms).UTC()
	return nil
}

func (h *SignatureHeader) setKeyID(text string) error {
	if text == "" || len(text) > maxKeyID {
		return fmt.Errorf("keyId has %d bytes", len(text))
	}
	if h.KeyID = NormalID(cleanText(text, maxKeyID)); h.KeyID == "" {
		return errors.New("keyId is empty")
	}
	return nil
}

func (h *SignatureHeader) setMAC(text string) error {
	mac, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return errors.New("sig is not standard base64")
	}
	if len(mac) != sha256.Size {
		return fmt.Errorf("sig has %d bytes, want %d", len(mac), sha256.Size)
	}
	h.MAC = mac
	return nil
}

// trimPart takes white space and quotes off both ends.
func trimPart(s string) string { return strings.Trim(s, " \t\r\n\"'") }
