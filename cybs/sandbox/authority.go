package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs the certificates of a sandbox: that of its own server, and the
// one it shows to receivers. It plays the Visa root, which Cybersource asks
// receivers to trust.
type Authority struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// authorityLife is long, as that of a root is; what it signs lives shorter.
const (
	authorityLife = 3650 * day
	issuedLife    = 365 * day
)

// AuthorityFile is the name of the certificate that OpenAuthority keeps, to hand out to clients; its key stands beside it.
const (
	AuthorityFile    = "sandbox-ca.pem"
	authorityKeyFile = "sandbox-ca-key.pem"
)

// NewAuthority makes an authority that is kept nowhere.
func NewAuthority(now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Switchboard sandbox root", Organization: []string{"Switchboard"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(authorityLife), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	return &Authority{Certificate: certificate, key: key}, nil
}

// OpenAuthority reads the authority kept in a directory, or makes one and keeps
// it there (sandbox-ca.pem to hand out, sandbox-ca-key.pem with mode 0600), so
// that clients need to be told to trust it once.
func OpenAuthority(dir string, now time.Time) (*Authority, error) {
	certificatePEM, err := os.ReadFile(filepath.Join(dir, AuthorityFile)) //nolint:gosec // G304: the operator chose the directory
	if errors.Is(err, fs.ErrNotExist) {
		return createAuthority(dir, now)
	}
	if err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, authorityKeyFile)) //nolint:gosec // G304: as above
	if err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("open authority in %s: %w", dir, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("open authority in %s: the key is a %T", dir, pair.PrivateKey)
	}
	return &Authority{Certificate: pair.Leaf, key: key}, nil
}

func createAuthority(dir string, now time.Time) (*Authority, error) {
	a, err := NewAuthority(now)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("keep authority: %w", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	// The key first: a certificate alone would be read as a broken authority.
	if err := writeFile(filepath.Join(dir, authorityKeyFile), key); err != nil {
		return nil, fmt.Errorf("keep authority: %w", err)
	}
	if err := writeFile(filepath.Join(dir, AuthorityFile), a.PEM()); err != nil {
		return nil, fmt.Errorf("keep authority: %w", err)
	}
	return a, nil
}

// PEM is the authority's certificate, for clients and receivers to trust.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate.Raw})
}

// Pool holds the authority's certificate alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}

// Issue makes a certificate with its key, for a server under the host names and
// addresses given, and for a client.
func (a *Authority) Issue(name string, now time.Time, hosts ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(issuedLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.Certificate.Raw}, PrivateKey: key, Leaf: leaf}, nil
}
