package receiver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/switchboardhq/switchboard/store"
)

// maxTokenText bounds a token of an external issuer.
const maxTokenText = 16 << 10

// tokenClaims are what an external issuer's token says.
type tokenClaims struct {
	jwt.Claims
	Scope  scopeWords `json:"scope"`
	Scopes scopeWords `json:"scp"`
}

// scopeWords come as one text with spaces, or as a list.
type scopeWords []string

// UnmarshalJSON reads either form.
func (s *scopeWords) UnmarshalJSON(text []byte) error {
	var words []string
	if err := json.Unmarshal(text, &words); err == nil {
		*s = words
		return nil
	}
	var line string
	if err := json.Unmarshal(text, &line); err != nil {
		return fmt.Errorf("read scope: %w", err)
	}
	*s = strings.Fields(line)
	return nil
}

// judge checks a token of an external issuer. An error means that its keys are not known, and nobody can judge now.
func (s *issuers) judge(ctx context.Context, text string, p store.TokenPolicy, now time.Time) (rejection, error) {
	expected := fmt.Sprintf("Expected is a signed JWT of issuer %s for audience %s.", short(p.Issuer), short(p.Audience))
	invalid := func(why string, args ...any) rejection {
		return rejection{ReasonTokenInvalid, "The bearer token was not accepted: " + fmt.Sprintf(why, args...) + " " + expected}
	}
	if len(text) > maxTokenText {
		return invalid("it has %d bytes.", len(text)), nil
	}
	signed, err := jwt.ParseSigned(text, signatureAlgorithms())
	if err != nil || len(signed.Headers) != 1 {
		return invalid("it is no JWT signed with a public key (RS, PS, ES or EdDSA)."), nil //nolint:nilerr // the library's words quote the token
	}
	kid := signed.Headers[0].KeyID
	keys, err := s.keys(ctx, p.JWKSURL, kid)
	if err != nil {
		return rejection{}, err
	}
	if len(keys) == 0 {
		return invalid("it names the key %q, which the issuer does not publish.", short(kid)), nil
	}
	var claims tokenClaims
	genuine := false
	for _, k := range keys {
		if k.Algorithm != "" && k.Algorithm != signed.Headers[0].Algorithm {
			continue
		}
		claims = tokenClaims{}
		if genuine = signed.Claims(k.Key, &claims) == nil; genuine {
			break
		}
	}
	if !genuine {
		return invalid("none of the issuer's keys has signed it."), nil
	}
	switch {
	case claims.Issuer != p.Issuer:
		return invalid("it is of issuer %q.", short(claims.Issuer)), nil
	case !claims.Audience.Contains(p.Audience):
		return invalid("it is for audience %q.", short(strings.Join(claims.Audience, ", "))), nil
	case claims.Expiry == nil:
		return invalid("it has no end."), nil
	case claims.NotBefore != nil && now.Add(clockLeeway).Before(claims.NotBefore.Time()):
		return invalid("it begins only at %s.", instant(claims.NotBefore.Time())), nil
	case !now.Add(-clockLeeway).Before(claims.Expiry.Time()):
		return rejection{ReasonTokenExpired, fmt.Sprintf("The bearer token ended at %s, and the delivery arrived at %s.", instant(claims.Expiry.Time()), instant(now))}, nil
	}
	if missing := claims.lacks(p.Scope); missing != "" {
		return invalid("its scope lacks %q.", short(missing)), nil
	}
	return rejection{}, nil
}

// lacks returns the first word of a scope that the token does not have, "" when it has them all.
func (c tokenClaims) lacks(scope string) string {
	for word := range strings.FieldsSeq(scope) {
		if !slices.Contains(c.Scope, word) && !slices.Contains(c.Scopes, word) {
			return word
		}
	}
	return ""
}
