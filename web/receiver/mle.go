package receiver

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

// Reasons for which a delivery is rejected that has to do with message-level encryption.
const (
	// ReasonMLEMissing: it came in clear text, and its endpoint demands encryption.
	ReasonMLEMissing    = "mle_missing"
	ReasonMLEKeyUnknown = "mle_key_unknown"
	// ReasonMLEWrongKey: the key it names is ours, but does not open it.
	ReasonMLEWrongKey = "mle_wrong_key"
	// ReasonMLEUndecryptable: the key fits, but the text was changed; or it is none that is accepted.
	ReasonMLEUndecryptable = "mle_undecryptable"
)

// mleKey is a key with its end.
type mleKey struct {
	cybs.MLEKey
	subscriptionID int64
	retiredAt      time.Time
}

// mleKeys holds an organization's keys, newest first.
type mleKeys []mleKey

// usable returns the keys that count at a time, those made for the subscription first: only so many are tried.
func (k mleKeys) usable(subscriptionID int64, now time.Time) []cybs.MLEKey {
	own, others := make([]cybs.MLEKey, 0, len(k)), make([]cybs.MLEKey, 0, len(k))
	for _, key := range k {
		switch {
		case !key.retiredAt.IsZero() && !now.Before(key.retiredAt):
		case key.subscriptionID == subscriptionID:
			own = append(own, key.MLEKey)
		default:
			others = append(others, key.MLEKey)
		}
	}
	return append(own, others...)
}

// readMLEKeys reads the keys of every organization. A key whose seal or form is broken is left out and reported.
func (e *endpoints) readMLEKeys(ctx context.Context) (map[int64]mleKeys, error) {
	list, err := e.store.OpenMLEKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read MLE keys: %w", err)
	}
	keys, parsed := make(map[int64]mleKeys), make(map[int64]*cybs.Certificate, len(list))
	for _, k := range list {
		certificate := e.certificates[k.ID] // parsing takes longer than all the rest
		if certificate == nil {
			if certificate, err = parseMLEKey(k); err != nil {
				e.log.Error("an MLE key cannot be used", "organization", k.OrganizationID, "mle_key", k.ID, "err", err)
				continue
			}
		}
		parsed[k.ID] = certificate
		keys[k.OrganizationID] = append(keys[k.OrganizationID], mleKey{cybs.MLEKey{ID: k.KeyID, Certificate: certificate}, k.SubscriptionID, k.RetiredAt})
	}
	e.certificates = parsed
	return keys, nil
}

func parseMLEKey(k store.MLEKey) (*cybs.Certificate, error) {
	if k.PrivateKey == nil {
		return nil, store.ErrSealBroken
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate})
	return cybs.ParseCertificate(certificate, k.PrivateKey)
}

// mleKeysOf returns the keys that open what comes for a subscription at a time.
func (e *endpoints) mleKeysOf(organizationID, subscriptionID int64, now time.Time) []cybs.MLEKey {
	return e.current.Load().mle[organizationID].usable(subscriptionID, now)
}

// opened is a delivery as far as it could be read.
type opened struct {
	notification *cybs.Notification
	plain        []byte // the decrypted text; nil when it was not encrypted, or could not be opened
	err          error  // why an encrypted one could not be opened
	keys         []cybs.MLEKey
}

// open reads a delivery and decrypts it where it is encrypted. What cannot be read is kept and shown raw.
func (r *Receiver) open(e *endpoint, h http.Header, body []byte, now time.Time) opened {
	o := opened{keys: r.endpoints.mleKeysOf(e.OrganizationID, e.SubscriptionID, now)}
	n, err := cybs.OpenNotification(h, body, cybs.MLEKeys{Keys: o.keys, AllowOAEP: e.Policy.AllowOAEP})
	o.notification = n
	switch {
	case n.Encryption == nil:
	case n.Encryption.Plain != nil && encryptionReason(err) == "":
		o.plain = n.Encryption.Plain
	default:
		o.err = err
	}
	return o
}

// encryptionReason is the reason for which an encrypted text was not opened, "" when it is no matter of encryption.
func encryptionReason(err error) string {
	switch {
	case errors.Is(err, cybs.ErrMLEKeyUnknown):
		return ReasonMLEKeyUnknown
	case errors.Is(err, cybs.ErrMLEWrongKey):
		return ReasonMLEWrongKey
	case errors.Is(err, cybs.ErrMLETampered), errors.Is(err, cybs.ErrJWEMalformed), errors.Is(err, cybs.ErrMLEAlgorithm), errors.Is(err, cybs.ErrMLENested):
		return ReasonMLEUndecryptable
	}
	return ""
}

// undecryptable says what came and what would have been opened. unsigned is whether the signature does not cover what came either.
func undecryptable(err error, opened *cybs.Opened, keys []cybs.MLEKey, unsigned bool) string {
	var said strings.Builder
	h := opened.Header
	switch reason := encryptionReason(err); {
	case reason == ReasonMLEKeyUnknown && h.KeyID == "":
		said.WriteString("It is encrypted and names no key. " + knownMLEKeys(keys))
	case reason == ReasonMLEKeyUnknown:
		fmt.Fprintf(&said, "It is encrypted to the key %q. %s", short(h.KeyID), knownMLEKeys(keys))
	case reason == ReasonMLEWrongKey && h.KeyID == "":
		said.WriteString("It is encrypted, names no key, and none of ours opens it. " + knownMLEKeys(keys))
	case reason == ReasonMLEWrongKey:
		fmt.Fprintf(&said, "It is encrypted to the key %q, which is known here but does not open it: the certificate at Cybersource belongs to another private key.", short(h.KeyID))
	case errors.Is(err, cybs.ErrMLETampered):
		said.WriteString("The key fits, but the encrypted text or its header was changed after it was encrypted.")
	case errors.Is(err, cybs.ErrMLEAlgorithm):
		fmt.Fprintf(&said, "It is encrypted by %q and %q. Accepted are RSA-OAEP-256 and A256GCM, without compression.", short(h.Algorithm), short(h.Encryption))
	case errors.Is(err, cybs.ErrMLENested):
		said.WriteString("What was encrypted is itself a token, which is not opened further.")
	default:
		fmt.Fprintf(&said, "The encrypted text cannot be read: %v.", err)
	}
	if unsigned {
		said.WriteString(" The signature does not cover it as it came, and could not be compared with the decrypted text.")
	}
	return said.String()
}

func knownMLEKeys(keys []cybs.MLEKey) string {
	const most = 4
	names := make([]string, 0, most)
	for _, k := range keys {
		if len(names) == most {
			break
		}
		name := k.ID
		if name == "" {
			name = "one of " + k.Certificate.CommonName()
		}
		names = append(names, name)
	}
	switch {
	case len(keys) == 0:
		return "No encryption certificate of this organization is kept here."
	case len(keys) > most:
		return fmt.Sprintf("Kept here are %s and %d more.", strings.Join(names, ", "), len(keys)-most)
	}
	return "Kept here: " + strings.Join(names, ", ") + "."
}
