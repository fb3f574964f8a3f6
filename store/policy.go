package store

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Security types of a subscription, in Cybersource's words.
const (
	SecurityKey      = "KEY"
	SecurityOAuth    = "oAuth"
	SecurityOAuthJWT = "oAuth_JWT"
)

// What is answered to a rejected delivery. Either way it is kept in quarantine.
const (
	AnswerReject = "reject" // 401: Cybersource tries again
	AnswerHold   = "hold"   // 200: Cybersource takes it for delivered
)

// Who issues the tokens of a subscription with OAuth.
const (
	TokensOwn      = "switchboard" // the receiver's own token server
	TokensExternal = "external"    // an issuer of the operator's
)

// SourceCybersource stands for Cybersource's published addresses in a list of sources.
const SourceCybersource = "cybersource"

// maxSources bounds a list of sources.
const maxSources = 100

// Policy is what deliveries of a subscription must show besides their signature, and what is answered when they do not. The zero Policy
// asks for nothing that the server does not ask for.
type Policy struct {
	// Sources are addresses, networks and SourceCybersource, which narrow the server's own list. Empty narrows nothing.
	Sources []string `json:"sources,omitempty"`
	// ClientCertificate demands a TLS client certificate that the server's authorities signed.
	ClientCertificate bool `json:"clientCertificate,omitempty"`
	// Rejected is AnswerReject or AnswerHold. Empty means AnswerReject.
	Rejected string `json:"rejected,omitempty"`
	// Tokens says whose tokens count under the security types oAuth and oAuth_JWT.
	Tokens TokenPolicy `json:"tokens,omitzero"`
	// OAuth is what Cybersource is told about tokens.
	OAuth OAuthSettings `json:"oauth,omitzero"`
	// Encrypted demands message-level encryption: plain deliveries are rejected. Encrypted ones are always opened.
	Encrypted bool `json:"encrypted,omitempty"`
	// AllowOAEP accepts encryption by RSA-OAEP with SHA-1 besides RSA-OAEP-256.
	AllowOAEP bool `json:"allowOaep,omitempty"`
	// Former is what was demanded before, which is accepted too until its time: Cybersource takes over a change when it does, and retries of
	// older notifications follow. Nil means that there was nothing before, or that its time is over.
	Former *FormerDemands `json:"former,omitempty"`
}

// TokenPolicy says whose bearer tokens count.
type TokenPolicy struct {
	// Server is TokensOwn or TokensExternal. Empty means TokensOwn.
	Server string `json:"server,omitempty"`
	// Issuer and Audience are the iss and aud that an external issuer's tokens must have; JWKSURL has its keys. Scope is a list of words,
	// separated by spaces, which tokens must all have in their scope (or scp); empty demands none.
	Issuer   string `json:"issuer,omitempty"`
	Audience string `json:"audience,omitempty"`
	JWKSURL  string `json:"jwksUrl,omitempty"`
	Scope    string `json:"scope,omitempty"`
}

// FormerDemands are demands that a subscription had, and until when what meets them is accepted.
type FormerDemands struct {
	SecurityType string      `json:"securityType"`
	Tokens       TokenPolicy `json:"tokens,omitzero"`
	Encrypted    bool        `json:"encrypted,omitempty"`
	// OAuth is what Cybersource was told about tokens.
	OAuth OAuthSettings `json:"oauth,omitzero"`
	Until time.Time     `json:"until"`
	// Announced turns the order round: these demands are not former, they are to come. Cybersource is being told of them, and it is not known yet
	// whether it has taken them over. They are accepted until Until all the same.
	Announced bool `json:"announced,omitempty"`
}

// Holds reports whether rejected deliveries are answered 200.
func (p Policy) Holds() bool { return p.Rejected == AnswerHold }

// External reports whether tokens come from an issuer of the operator's.
func (t TokenPolicy) External() bool { return t.Server == TokensExternal }

// Validate returns what is wrong with a policy, as ErrInvalid.
func (p Policy) Validate() error {
	if len(p.Sources) > maxSources {
		return fmt.Errorf("policy has %d sources, at most %d are taken: %w", len(p.Sources), maxSources, ErrInvalid)
	}
	for _, s := range p.Sources {
		if _, err := ParseSource(s); err != nil && s != SourceCybersource {
			return err
		}
	}
	if p.Rejected != "" && p.Rejected != AnswerReject && p.Rejected != AnswerHold {
		return fmt.Errorf("answer to rejected deliveries is %q: %w", p.Rejected, ErrInvalid)
	}
	if err := p.Tokens.validate(); err != nil || p.Former == nil {
		return err
	}
	return p.Former.Tokens.validate()
}

func (t TokenPolicy) validate() error {
	switch {
	case t.Server == "" || t.Server == TokensOwn:
		return nil
	case t.Server != TokensExternal:
		return fmt.Errorf("token server is %q: %w", t.Server, ErrInvalid)
	case t.Issuer == "" || t.Audience == "":
		return fmt.Errorf("the external issuer has no issuer or audience: %w", ErrInvalid)
	}
	u, err := url.Parse(t.JWKSURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return fmt.Errorf("the external issuer's key set URL is not one of http or https: %w", ErrInvalid)
	}
	return nil
}

// ParseSource reads an address or a network. ErrInvalid.
func ParseSource(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("source %q is neither an address nor a network such as 10.0.0.0/8: %w", text, ErrInvalid)
	}
	return prefix.Masked(), nil
}
