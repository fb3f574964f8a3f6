package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/switchboardhq/switchboard/cybs"
)

// signatureKey signs notifications; the newest of an organization does, the
// others are kept as a record.
type signatureKey struct {
	ID        string
	Secret    cybs.Secret
	CreatedAt time.Time
	ExpiresAt time.Time
}

// oauthClient is what STORE keeps for OAuth subscriptions.
type oauthClient struct {
	ID        string
	ClientID  string
	Secret    cybs.Secret
	ExpiresAt time.Time
}

// keyRequest is the body of both key calls.
type keyRequest struct {
	ClientReference *clientReference `json:"clientReferenceInformation"`
	Action          string           `json:"clientRequestAction"`
	Key             *keyInformation  `json:"keyInformation"`

	// organization is whom the key is kept for.
	organization string
}

// clientReference is the client's own id of a request.
type clientReference struct {
	Code string `json:"code,omitempty"`
}

// maxReferenceRunes is the published limit of a client's reference.
const maxReferenceRunes = 50

// missing returns an error for each empty value of the pairs name, value.
func missing(pairs ...string) []fieldError {
	var bad []fieldError
	for pair := range slices.Chunk(pairs, 2) {
		if name, value := pair[0], pair[1]; value == "" {
			bad = append(bad, fieldError{name, reasonMissing})
		}
	}
	return bad
}

type keyInformation struct {
	Provider       string          `json:"provider,omitempty"`
	Tenant         string          `json:"tenant,omitempty"`
	OrganizationID string          `json:"organizationId,omitempty"`
	ClientKeyID    string          `json:"clientKeyId,omitempty"`
	KeyID          string          `json:"keyId,omitempty"`
	Key            string          `json:"key,omitempty"`
	Pub            string          `json:"pub,omitempty"`
	Pvt            string          `json:"pvt,omitempty"`
	KeyType        string          `json:"keyType,omitempty"`
	Status         string          `json:"status,omitempty"`
	ExpiryDuration json.RawMessage `json:"expiryDuration,omitempty"`
	ExpirationDate string          `json:"expirationDate,omitempty"`
	Message        string          `json:"message,omitempty"`
	Error          *keyError       `json:"errorInformation,omitempty"`
}

type keyError struct {
	Reason  string       `json:"reason"`
	Details []fieldError `json:"details"`
}

type keyAnswer struct {
	SubmitTime      string           `json:"submitTimeUtc"`
	Status          string           `json:"status"`
	Reason          string           `json:"reason,omitempty"`
	Message         string           `json:"message,omitempty"`
	ClientReference *clientReference `json:"clientReferenceInformation,omitempty"`
	Key             keyInformation   `json:"keyInformation"`
}

// defaultKeyLife is how long keys without expiryDuration were seen to last.
const defaultKeyLife = 3 * 365 * day

// saveSymmetricKey answers POST /kms/egress/v2/keys-sym: CREATE makes the
// organization's signing key, STORE keeps OAuth client credentials.
func (s *Sandbox) saveSymmetricKey(c *call) error {
	req, life, err := s.readKeyRequest(c)
	if err != nil {
		return err
	}
	now := s.cfg.Now()
	key := *req.Key
	key.KeyID, key.Status, key.ExpiryDuration = newID(), s.cfg.API.KeyState, nil
	key.ExpirationDate = s.keyTime(now.Add(life))
	switch {
	case strings.EqualFold(req.Action, "CREATE"):
		if key.KeyType != "sharedSecret" {
			return s.keyProblem(req, fieldError{"keyInformation.keyType", reasonInvalid})
		}
		secret := make(cybs.Secret, 32)
		rand.Read(secret) // never fails
		key.Key = base64.StdEncoding.EncodeToString(secret)
		s.mu.Lock()
		s.sigKeys[req.organization] = append(s.sigKeys[req.organization],
			signatureKey{ID: key.KeyID, Secret: secret, CreatedAt: now, ExpiresAt: now.Add(life)})
		s.mu.Unlock()
	case strings.EqualFold(req.Action, "STORE"):
		if key.KeyType != "oAuthClientCredentials" {
			return s.keyProblem(req, fieldError{"keyInformation.keyType", reasonInvalid})
		}
		if bad := missing("keyInformation.clientKeyId", key.ClientKeyID, "keyInformation.key", key.Key); len(bad) > 0 {
			return s.keyProblem(req, bad...)
		}
		s.mu.Lock()
		s.oauth[req.organization] = append(s.oauth[req.organization],
			oauthClient{ID: key.KeyID, ClientID: key.ClientKeyID, Secret: cybs.Secret(key.Key), ExpiresAt: now.Add(life)})
		s.mu.Unlock()
	default:
		return s.keyProblem(req, fieldError{"clientRequestAction", reasonInvalid})
	}
	return s.answerKey(c, req, key)
}

// readKeyRequest checks what both calls have in common. The organization may be
// unknown, as at Cybersource, where such a key just never signs anything; it may
// not be somebody else's.
func (s *Sandbox) readKeyRequest(c *call) (keyRequest, time.Duration, error) {
	var req keyRequest
	if err := s.decode(c.body, &req); err != nil {
		return req, 0, err
	}
	if req.Key == nil {
		req.Key = &keyInformation{}
	}
	k := req.Key
	bad := missing("clientRequestAction", req.Action, "keyInformation.provider", k.Provider, "keyInformation.tenant", k.Tenant,
		"keyInformation.organizationId", k.OrganizationID, "keyInformation.keyType", k.KeyType)
	if len(bad) > 0 {
		return req, 0, s.keyProblem(req, bad...)
	}
	if ref := req.ClientReference; ref != nil && utf8.RuneCountInString(ref.Code) > maxReferenceRunes {
		return req, 0, s.keyProblem(req, fieldError{"clientReferenceInformation.code", reasonInvalid})
	}
	if !s.tenancyAllowed(req) {
		return req, 0, s.keyProblem(req, fieldError{"keyInformation.provider", reasonInvalid}, fieldError{"keyInformation.tenant", reasonInvalid})
	}
	s.mu.Lock()
	known := s.findOrganization(k.OrganizationID) != nil
	s.mu.Unlock()
	req.organization = k.OrganizationID
	if known {
		id, ok := s.mayUse(c.who.Owner, k.OrganizationID)
		if !ok {
			return req, 0, s.keyProblem(req, fieldError{"keyInformation.organizationId", reasonInvalid})
		}
		req.organization = id
	}
	life := defaultKeyLife
	if text := strings.Trim(string(k.ExpiryDuration), `"`); text != "" && text != "null" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 1 || days > 36500 {
			return req, 0, s.keyProblem(req, fieldError{"keyInformation.expiryDuration", reasonInvalid})
		}
		life = time.Duration(days) * day
	}
	return req, life, nil
}

// tenancyAllowed: one of provider and tenant is nrtd, the other the organization.
func (s *Sandbox) tenancyAllowed(req keyRequest) bool {
	k := req.Key
	guide := strings.EqualFold(k.Provider, "nrtd") && k.Tenant == k.OrganizationID
	reverse := strings.EqualFold(k.Tenant, "nrtd") && k.Provider == k.OrganizationID
	switch {
	case s.cfg.API.KeyTenancy == TenancyGuide, s.cfg.API.KeyTenancy == TenancySpec && strings.EqualFold(req.Action, "CREATE"):
		return guide
	case s.cfg.API.KeyTenancy == TenancySpec:
		return reverse
	}
	return guide || reverse
}

func (s *Sandbox) keyTime(t time.Time) string { return t.UTC().Format(s.cfg.API.KeyTimeLayout) }

func (s *Sandbox) answerKey(c *call, req keyRequest, key keyInformation) error {
	if err := s.save(); err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, keyAnswer{
		SubmitTime: s.keyTime(s.cfg.Now()), Status: s.cfg.API.KeyStatus, ClientReference: req.ClientReference, Key: key,
	})
	return nil
}

func (s *Sandbox) keyProblem(req keyRequest, details ...fieldError) error {
	return &problem{http.StatusBadRequest, s.keyAnswer(req, "One or more fields are missing or invalid.", details...)}
}

// keyAnswer is the 400 of the key calls. It never repeats the key that came.
func (s *Sandbox) keyAnswer(req keyRequest, message string, details ...fieldError) keyAnswer {
	k := req.Key
	return keyAnswer{
		SubmitTime: s.keyTime(s.cfg.Now()), Status: "INVALID_REQUEST", Reason: details[0].Reason, Message: message,
		ClientReference: req.ClientReference,
		Key: keyInformation{
			Provider: k.Provider, Tenant: k.Tenant, OrganizationID: k.OrganizationID, KeyType: k.KeyType,
			Message: message, Error: &keyError{Reason: details[0].Reason, Details: details},
		},
	}
}

// signingKey returns the key that signs, the newest. The caller holds mu.
func (s *Sandbox) signingKey(organizationID string) (signatureKey, bool) {
	keys := s.sigKeys[organizationID]
	if len(keys) == 0 {
		return signatureKey{}, false
	}
	return keys[len(keys)-1], true
}
