package sandbox

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// signatureParams are the parameters of a signature header.
type signatureParams struct {
	keyID     string
	algorithm string
	headers   []string
	mac       []byte
}

// parseSignatureParams reads name="value" pairs separated by commas, in any
// order, with or without spaces. Unknown names are ignored, repeated ones refused.
func parseSignatureParams(value string) (signatureParams, error) {
	seen := map[string]string{}
	for rest := value; ; {
		name, after, ok := strings.Cut(strings.TrimLeft(rest, " \t"), `="`)
		if !ok {
			return signatureParams{}, unauthenticated("malformed signature header")
		}
		val, after, ok := strings.Cut(after, `"`)
		if !ok {
			return signatureParams{}, unauthenticated("unterminated parameter in signature header")
		}
		name = strings.ToLower(name)
		if _, twice := seen[name]; twice {
			return signatureParams{}, unauthenticated("signature parameter %q twice", name)
		}
		seen[name] = val
		after = strings.TrimLeft(after, " \t")
		if after == "" {
			break
		}
		if rest, ok = strings.CutPrefix(after, ","); !ok {
			return signatureParams{}, unauthenticated("malformed signature header")
		}
	}
	mac, err := base64.StdEncoding.DecodeString(seen["signature"])
	if err != nil {
		return signatureParams{}, unauthenticated("signature is not base64")
	}
	return signatureParams{
		keyID: seen["keyid"], algorithm: seen["algorithm"],
		headers: strings.Fields(seen["headers"]), mac: mac,
	}, nil
}

// httpSignature checks the HTTP Signature scheme.
func (a *authenticator) httpSignature(r authRequest, header string, now time.Time) (principal, error) {
	if a.config.WithoutHTTPSignature {
		return principal{}, unauthenticated("HTTP Signature is switched off")
	}
	params, err := parseSignatureParams(header)
	if err != nil {
		return principal{}, err
	}
	if !strings.EqualFold(params.algorithm, "HmacSHA256") {
		return principal{}, unauthenticated("algorithm %q", params.algorithm)
	}
	if err := checkSignedList(params.headers, r); err != nil {
		return principal{}, err
	}
	if err := a.checkDates(params.headers, r.Header, now); err != nil {
		return principal{}, err
	}
	if err := checkDigestHeader(r); err != nil {
		return principal{}, err
	}
	owner, secret, ok := a.creds.secret(params.keyID)
	if !ok || len(secret) == 0 {
		return principal{}, unauthenticated("unknown key id")
	}
	merchantID, _ := single(r.Header, "v-c-merchant-id")
	if err := a.merchant(owner, merchantID); err != nil {
		return principal{}, err
	}
	// With a meta key the line is signed with the owner's id while the header names
	// the transacting merchant.
	lines := a.creds.names(owner)
	if slices.Contains(lines, merchantID) {
		lines = []string{merchantID}
	}
	for _, id := range lines {
		text, err := signingText(params.headers, r, id)
		if err != nil {
			return principal{}, err
		}
		if hmac.Equal(cybs.SignString(secret, text), params.mac) {
			return principal{Owner: owner, MerchantID: merchantID}, nil
		}
	}
	return principal{}, unauthenticated("signature mismatch")
}

// checkSignedList insists on what the list must name.
func checkSignedList(list []string, r authRequest) error {
	for i, name := range list {
		if name != strings.ToLower(name) || strings.HasPrefix(name, "(") {
			return unauthenticated("signed header %q", name)
		}
		if slices.Contains(list[:i], name) {
			return unauthenticated("signed header %q twice", name)
		}
	}
	need := []string{"host", "request-target", "v-c-merchant-id"}
	if len(r.Body) > 0 || r.Header.Get("Digest") != "" {
		need = append(need, "digest")
	}
	for _, name := range need {
		if !slices.Contains(list, name) {
			return unauthenticated("%s is not signed", name)
		}
	}
	if !slices.Contains(list, "date") && !slices.Contains(list, "v-c-date") {
		return unauthenticated("neither date nor v-c-date is signed")
	}
	return nil
}

func (a *authenticator) checkDates(list []string, h http.Header, now time.Time) error {
	for _, name := range []string{"date", "v-c-date"} {
		if !slices.Contains(list, name) {
			continue
		}
		value, _ := single(h, name)
		t, err := http.ParseTime(value)
		if err != nil {
			return unauthenticated("%s is not an HTTP date", name)
		}
		if !within(t, now, a.config.ClockTolerance) {
			return unauthenticated("%s is %s away", name, now.Sub(t).Round(time.Second))
		}
	}
	return nil
}

// checkDigestHeader compares the digest with the body's bytes. Only the absence
// of both passes unchecked.
func checkDigestHeader(r authRequest) error {
	if len(r.Body) == 0 && len(r.Header.Values("Digest")) == 0 {
		return nil
	}
	digest, _ := single(r.Header, "Digest")
	if !equal(digest, cybs.Digest(r.Body)) {
		return unauthenticated("digest does not match the body")
	}
	return nil
}

// signingText builds the signed lines in the order of the list.
func signingText(list []string, r authRequest, merchantID string) (string, error) {
	var err error
	text := cybs.SigningString(list, func(name string) string {
		switch name {
		case "host":
			return r.Host
		case cybs.SignedTarget:
			return cybs.RequestTarget(r.Method, r.Target)
		case cybs.HeaderMerchantID:
			return merchantID
		}
		value, ok := single(r.Header, name)
		if !ok {
			err = unauthenticated("signed header %q is absent", name)
		}
		return value
	})
	return text, err
}
