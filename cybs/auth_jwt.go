package cybs

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TokenLife is how long a request's token is valid; Cybersource accepts no longer one.
const TokenLife = 120 * time.Second

// TokenVersion is the value of v-c-jwt-version in the tokens that are sent.
const TokenVersion = "2"

// jwtV2 is authentication by a token of version 2, signed by a shared secret or a private key.
type jwtV2 struct {
	merchant, keyOwner string
	// responseMLEKeyID asks for an encrypted answer; empty asks for none.
	responseMLEKeyID string
	certificate      *Certificate // nil with a shared secret
	signer           jose.Signer
	newID            func() string
}

func newSharedSecretJWT(c Credentials) (*jwtV2, error) {
	return newJWTv2(c, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(c.Secret)}, c.KeyID)
}

func newP12JWT(c Credentials) (*jwtV2, error) {
	keyID := firstOf(c.KeyID, c.Certificate.KeyID())
	a, err := newJWTv2(c, jose.SigningKey{Algorithm: jose.RS256, Key: c.Certificate.key}, keyID)
	if err != nil {
		return nil, err
	}
	a.certificate = c.Certificate
	return a, nil
}

func newJWTv2(c Credentials, key jose.SigningKey, keyID string) (*jwtV2, error) {
	// go-jose sends the id of a key by itself only for asymmetric ones.
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", keyID))
	if err != nil {
		return nil, fmt.Errorf("token signer: %w", err)
	}
	return &jwtV2{merchant: c.merchant(), keyOwner: c.keyOwner(), signer: signer}, nil
}

// claimsV2 are the claims of version 2, named as the Node SDK names them; others call the second one digestAlgorithm.
type claimsV2 struct {
	Digest          string `json:"digest,omitempty"`
	DigestAlgorithm string `json:"digest-algorithm,omitempty"`
	IssuedAt        int64  `json:"iat"`
	Expires         int64  `json:"exp"`
	Host            string `json:"request-host"`
	Target          string `json:"request-resource-path"`
	Method          string `json:"request-method"`
	Issuer          string `json:"iss"`
	ID              string `json:"jti"`
	Version         string `json:"v-c-jwt-version"`
	MerchantID      string `json:"v-c-merchant-id"`
	ResponseMLEKey  string `json:"v-c-response-mle-kid,omitempty"`
}

func (a *jwtV2) authenticate(req *http.Request, body []byte, host string, now time.Time) error {
	if a.certificate != nil {
		if err := a.certificate.CheckValidity(now); err != nil {
			return err
		}
	}
	claims := claimsV2{
		IssuedAt: now.Unix(), Expires: now.Add(TokenLife).Unix(),
		Host: host, Target: req.URL.RequestURI(), Method: strings.ToLower(req.Method),
		Issuer: a.keyOwner, ID: a.newID(), Version: TokenVersion, MerchantID: a.merchant,
		ResponseMLEKey: a.responseMLEKeyID,
	}
	if HasDigest(req.Method) {
		claims.Digest = strings.TrimPrefix(Digest(body), DigestPrefix)
		claims.DigestAlgorithm = "SHA-256"
	}
	return setBearer(req, a.signer, claims)
}

// setBearer signs the claims and sends them as the bearer token.
func setBearer(req *http.Request, signer jose.Signer, claims any) error {
	payload, err := encodeJSON(claims)
	if err != nil {
		return fmt.Errorf("encode claims: %w", err)
	}
	token, err := signer.Sign(payload)
	if err != nil {
		return fmt.Errorf("sign token: %w", err)
	}
	compact, err := token.CompactSerialize()
	if err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+compact)
	return nil
}

// jwtV1 is authentication by the token of version 1.
type jwtV1 struct {
	certificate      *Certificate
	responseMLEKeyID string
	signer           jose.Signer
}

func newJWTv1(c Credentials) (*jwtV1, error) {
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader(HeaderMerchantID, c.keyOwner()).
		WithHeader("x5c", []string{base64.StdEncoding.EncodeToString(c.Certificate.DER())})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: c.Certificate.key}, options)
	if err != nil {
		return nil, fmt.Errorf("token signer: %w", err)
	}
	return &jwtV1{certificate: c.Certificate, signer: signer}, nil
}

// claimsV1 are the claims of version 1. IssuedAt is a date as in HTTP, and not the number that the standard asks for.
type claimsV1 struct {
	Digest          string `json:"digest,omitempty"`
	DigestAlgorithm string `json:"digestAlgorithm,omitempty"`
	IssuedAt        string `json:"iat"`
	ResponseMLEKey  string `json:"v-c-response-mle-kid,omitempty"`
}

func (a *jwtV1) authenticate(req *http.Request, body []byte, _ string, now time.Time) error {
	if err := a.certificate.CheckValidity(now); err != nil {
		return err
	}
	claims := claimsV1{IssuedAt: now.UTC().Format(http.TimeFormat), ResponseMLEKey: a.responseMLEKeyID}
	if HasDigest(req.Method) {
		claims.Digest = strings.TrimPrefix(Digest(body), DigestPrefix)
		claims.DigestAlgorithm = "SHA-256"
	}
	return setBearer(req, a.signer, claims)
}
