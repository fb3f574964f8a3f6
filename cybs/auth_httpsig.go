package cybs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The names that a request signature covers, besides the plain headers.
const (
	// SignedTarget stands for the request line in the list of signed headers.
	SignedTarget = "request-target"
	// HeaderMerchantID carries the transacting merchant.
	HeaderMerchantID = "v-c-merchant-id"
)

// httpSignature is HTTP Signature authentication.
type httpSignature struct {
	keyID, merchant, keyOwner string
	sign                      func(text string) []byte
}

func newHTTPSignature(c Credentials) *httpSignature {
	return &httpSignature{
		keyID: c.KeyID, merchant: c.merchant(), keyOwner: c.keyOwner(),
		sign: func(text string) []byte { return SignString(c.Secret, text) },
	}
}

func (a *httpSignature) authenticate(req *http.Request, body []byte, host string, now time.Time) error {
	names := make([]string, 0, 5)
	names = append(names, "host", "date", SignedTarget)
	values := map[string]string{
		"host":           host,
		"date":           now.UTC().Format(http.TimeFormat),
		SignedTarget:     RequestTarget(req.Method, req.URL.RequestURI()),
		HeaderMerchantID: a.keyOwner,
	}
	if HasDigest(req.Method) {
		names = append(names, "digest")
		values["digest"] = Digest(body)
		req.Header.Set("Digest", values["digest"])
	}
	names = append(names, HeaderMerchantID)
	signature := a.sign(SigningString(names, func(name string) string { return values[name] }))

	req.Host = host
	req.Header.Set("Date", values["date"])
	req.Header.Set(HeaderMerchantID, a.merchant)
	req.Header.Set("Signature", fmt.Sprintf(`keyid="%s", algorithm="HmacSHA256", headers="%s", signature="%s"`,
		a.keyID, strings.Join(names, " "), base64.StdEncoding.EncodeToString(signature)))
	return nil
}

// RequestTarget is the value that is signed as SignedTarget: the method in lower case, a space, and path and query
// exactly as sent.
func RequestTarget(method, target string) string { return strings.ToLower(method) + " " + target }

// SigningString is the text that an HTTP Signature covers: a line "name: value" for each name in the order given,
// names in lower case, joined by single line feeds. The value of SignedTarget is that of RequestTarget; the value of
// HeaderMerchantID is the owner of the key, which for a meta key is not the merchant in the header.
func SigningString(names []string, value func(name string) string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte('\n')
		}
		name = strings.ToLower(name)
		b.WriteString(name + ": " + value(name))
	}
	return b.String()
}

// SignString returns the HMAC-SHA256 of text, as HTTP Signature uses it.
func SignString(secret Secret, text string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
