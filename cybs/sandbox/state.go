package sandbox

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// saveDelay gathers changes of deliveries into one write.
const saveDelay = 250 * time.Millisecond

// savedState is the state file. Secrets are plain bytes here, because
// cybs.Secret refuses to be written.
type savedState struct {
	Version       int
	Organizations []savedOrganization
	SignatureKeys map[string][]savedKey
	OAuthClients  map[string][]savedKey
	Certificates  map[string][]savedKey
	Subscriptions []*subscription
	Messages      []*message
	ApprovedHosts []string
	Sequence      int64
	AssertionKey  []byte `json:",omitempty"` // PKCS #1
}

const stateVersion = 1

type savedOrganization struct {
	OrganizationID string
	MerchantID     string
	Name           string
	ParentID       string
	Keys           []savedKey
	Certificates   [][]byte
}

type savedKey struct {
	ID        string
	ClientID  string `json:",omitempty"`
	Secret    []byte
	Private   []byte    `json:",omitempty"` // PKCS #1, beside a certificate
	CreatedAt time.Time `json:",omitzero"`
	ExpiresAt time.Time `json:",omitzero"`
}

// save writes the state file, if there is one, so that whoever reads it finds
// the old or the new state whole.
func (s *Sandbox) save() error {
	if s.cfg.StateFile == "" {
		return nil
	}
	s.saveMu.Lock() // before mu: writes keep the order of the states they write
	defer s.saveMu.Unlock()
	s.mu.Lock()
	b, err := json.Marshal(s.snapshot())
	s.mu.Unlock()
	if err == nil {
		err = writeFile(s.cfg.StateFile, b)
	}
	if err != nil {
		return fmt.Errorf("save sandbox state: %w", err)
	}
	return nil
}

// writeFile replaces a file atomically. The temporary file is made by CreateTemp
// with mode 0600.
func writeFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// keepSaved writes the state some time after it changed.
func (s *Sandbox) keepSaved(ctx context.Context) {
	timer := time.NewTimer(saveDelay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty:
		}
		timer.Reset(saveDelay)
		select {
		case <-ctx.Done():
			return // Stop saves
		case <-timer.C:
		}
		if err := s.save(); err != nil {
			s.cfg.Logger.Error("sandbox state", "err", err)
		}
	}
}

// snapshot copies the state for writing. The caller holds mu.
func (s *Sandbox) snapshot() savedState {
	state := savedState{
		Version: stateVersion, Sequence: s.sequence, Subscriptions: s.sortedSubscriptions(), Messages: s.sortedMessages(),
		SignatureKeys: map[string][]savedKey{}, OAuthClients: map[string][]savedKey{}, Certificates: map[string][]savedKey{},
		ApprovedHosts: slices.Sorted(maps.Keys(s.approved)),
	}
	for _, id := range s.organizationIDs() {
		o := s.orgs[id]
		saved := savedOrganization{OrganizationID: id, MerchantID: o.MerchantID, Name: o.Name, ParentID: o.ParentID}
		for _, k := range o.Keys {
			saved.Keys = append(saved.Keys, savedKey{ID: k.KeyID, Secret: k.Secret})
		}
		for _, c := range o.Certificates {
			saved.Certificates = append(saved.Certificates, c.Raw)
		}
		state.Organizations = append(state.Organizations, saved)
	}
	for id, keys := range s.sigKeys {
		for _, k := range keys {
			state.SignatureKeys[id] = append(state.SignatureKeys[id], savedKey{ID: k.ID, Secret: k.Secret, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt})
		}
	}
	for id, clients := range s.oauth {
		for _, k := range clients {
			state.OAuthClients[id] = append(state.OAuthClients[id], savedKey{ID: k.ID, ClientID: k.ClientID, Secret: k.Secret, ExpiresAt: k.ExpiresAt})
		}
	}
	for id, certs := range s.certs {
		for _, k := range certs {
			state.Certificates[id] = append(state.Certificates[id], savedKey{ID: k.ID, Secret: k.Certificate.Raw, Private: saveKey(k.Private)})
		}
	}
	if s.cfg.OAuth.AssertionKey == nil {
		state.AssertionKey = saveKey(s.own)
	}
	return state
}

// saveKey is nil for none.
func saveKey(key *rsa.PrivateKey) []byte {
	if key == nil {
		return nil
	}
	return x509.MarshalPKCS1PrivateKey(key)
}

func loadKey(der []byte) (*rsa.PrivateKey, error) {
	if len(der) == 0 {
		return nil, nil
	}
	return x509.ParsePKCS1PrivateKey(der)
}

// load reads the state file; none is the empty state.
func (s *Sandbox) load() error {
	if s.cfg.StateFile == "" {
		return nil
	}
	b, err := os.ReadFile(s.cfg.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read sandbox state: %w", err)
	}
	var state savedState
	if err := json.Unmarshal(b, &state); err != nil {
		return fmt.Errorf("read sandbox state %s: %w", s.cfg.StateFile, err)
	}
	if state.Version != stateVersion {
		return fmt.Errorf("read sandbox state %s: it has version %d, this program reads %d", s.cfg.StateFile, state.Version, stateVersion)
	}
	if err := s.restore(state); err != nil {
		return fmt.Errorf("read sandbox state %s: %w", s.cfg.StateFile, err)
	}
	return nil
}

func (s *Sandbox) restore(state savedState) error {
	for _, saved := range state.Organizations {
		o := Organization{OrganizationID: saved.OrganizationID, MerchantID: saved.MerchantID, Name: saved.Name, ParentID: saved.ParentID}
		for _, k := range saved.Keys {
			o.Keys = append(o.Keys, APIKey{KeyID: k.ID, Secret: k.Secret})
		}
		certs, err := parseCertificates(saved.Certificates)
		if err != nil {
			return fmt.Errorf("organization %s: %w", saved.OrganizationID, err)
		}
		o.Certificates = certs
		s.orgs[o.OrganizationID] = newOrganization(o)
	}
	for id, keys := range state.SignatureKeys {
		for _, k := range keys {
			s.sigKeys[id] = append(s.sigKeys[id], signatureKey{ID: k.ID, Secret: k.Secret, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt})
		}
	}
	for id, clients := range state.OAuthClients {
		for _, k := range clients {
			s.oauth[id] = append(s.oauth[id], oauthClient{ID: k.ID, ClientID: k.ClientID, Secret: cybs.Secret(k.Secret), ExpiresAt: k.ExpiresAt})
		}
	}
	for id, certs := range state.Certificates {
		for _, k := range certs {
			parsed, err := x509.ParseCertificate(k.Secret)
			if err != nil {
				return fmt.Errorf("certificate %s: %w", k.ID, err)
			}
			private, err := loadKey(k.Private)
			if err != nil {
				return fmt.Errorf("private key of certificate %s: %w", k.ID, err)
			}
			s.certs[id] = append(s.certs[id], mleCertificate{ID: k.ID, Certificate: parsed, Private: private})
		}
	}
	if s.own == nil {
		key, err := loadKey(state.AssertionKey)
		if err != nil {
			return fmt.Errorf("assertion key: %w", err)
		}
		s.own = key
	}
	for _, sub := range state.Subscriptions {
		s.subs[sub.ID] = sub
	}
	for _, m := range state.Messages {
		s.messages[m.ID] = m
	}
	for _, h := range state.ApprovedHosts {
		s.approved[h] = true
	}
	s.sequence = state.Sequence
	return nil
}

func parseCertificates(ders [][]byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}
