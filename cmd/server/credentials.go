package main

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

const (
	credentialsFileName = "sandbox-credentials.json" //nolint:gosec // the name of a file
	demoOrganization    = "switchboard_demo"
	demoName            = "Demo shop"
)

// sandboxOrganization is an organization of the sandbox as SANDBOX_CREDENTIALS has it. The file is one of these or a list of them.
type sandboxOrganization struct {
	MerchantID     string `json:"merchantId"`
	OrganizationID string `json:"organizationId"`
	Name           string `json:"name,omitempty"`
	KeyID          string `json:"keyId"`
	SecretBase64   secret `json:"secretBase64"`
	// The RS256 certificate, if the organization has one.
	P12Kid            string `json:"p12Kid,omitempty"`
	P12CertificatePem string `json:"p12CertificatePem,omitempty"`
}

// organization turns it into what the sandbox takes.
func (o sandboxOrganization) organization() (sandbox.Organization, error) {
	made := sandbox.Organization{OrganizationID: o.OrganizationID, MerchantID: o.MerchantID, Name: o.Name}
	if made.OrganizationID == "" {
		made.OrganizationID = o.MerchantID
	}
	if made.Name == "" {
		made.Name = made.OrganizationID
	}
	if made.OrganizationID == "" {
		return made, errors.New("an entry has neither organizationId nor merchantId")
	}
	if o.KeyID == "" {
		return made, fmt.Errorf("keyId of %s is empty", made.OrganizationID)
	}
	key, err := cybs.ParseSecret(string(o.SecretBase64))
	if err != nil {
		return made, fmt.Errorf("secretBase64 of %s: %w", made.OrganizationID, err)
	}
	made.Keys = []sandbox.APIKey{{KeyID: o.KeyID, Secret: key}}
	if o.P12CertificatePem == "" {
		return made, nil
	}
	block, _ := pem.Decode([]byte(o.P12CertificatePem))
	if block == nil {
		return made, fmt.Errorf("p12CertificatePem of %s is not PEM", made.OrganizationID)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return made, fmt.Errorf("p12CertificatePem of %s: %w", made.OrganizationID, err)
	}
	if o.P12Kid != "" && certificate.Subject.SerialNumber != o.P12Kid {
		return made, fmt.Errorf("p12Kid of %s is %q, its certificate's subject has serial number %q", made.OrganizationID, o.P12Kid, certificate.Subject.SerialNumber)
	}
	made.Certificates = []*x509.Certificate{certificate}
	return made, nil
}

// readSandboxCredentials reads and checks a credentials file.
func readSandboxCredentials(file string) ([]sandboxOrganization, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("want a readable file: %w", err)
	}
	var list []sandboxOrganization
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("[")) {
		err = json.Unmarshal(content, &list)
	} else {
		var one sandboxOrganization
		err = json.Unmarshal(content, &one)
		list = []sandboxOrganization{one}
	}
	if err != nil {
		return nil, fmt.Errorf("want JSON, one organization or a list: %w", err)
	}
	if len(list) == 0 {
		return nil, errors.New("want at least one organization")
	}
	for _, o := range list {
		if _, err := o.organization(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// sandboxCredentials returns the configured organizations or those kept in DATA_DIR; without either it makes and keeps one.
func sandboxCredentials(cfg Config) ([]sandboxOrganization, error) {
	if len(cfg.SandboxCredentials) > 0 {
		return cfg.SandboxCredentials, nil
	}
	file := filepath.Join(cfg.DataDir, credentialsFileName)
	list, err := readSandboxCredentials(file)
	if err == nil {
		return list, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sandbox credentials in %s: %w", file, err)
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make sandbox credentials: %w", err)
	}
	made := sandboxOrganization{
		MerchantID: demoOrganization, OrganizationID: demoOrganization, Name: demoName,
		KeyID: newKeyID(), SecretBase64: secret(cybs.Secret(key).Base64()),
	}
	if err := keepSandboxCredentials(file, made); err != nil {
		return nil, fmt.Errorf("keep sandbox credentials: %w", err)
	}
	return []sandboxOrganization{made}, nil
}

// keepSandboxCredentials writes the one place where the secret stands in the clear, for the owner and for official SDKs.
func keepSandboxCredentials(file string, o sandboxOrganization) error {
	type plain struct {
		sandboxOrganization

		SecretBase64 string `json:"secretBase64"` // hides the redacted one
	}
	content, err := json.MarshalIndent(plain{o, string(o.SecretBase64)}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(file, append(content, '\n'))
}

// newKeyID makes an id in the form of Cybersource's.
func newKeyID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return strings.ToLower(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}
