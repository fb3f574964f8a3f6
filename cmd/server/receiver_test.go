package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/store"
)

// receiverTLS writes a certificate for this machine and returns the variables that name it, with the authority that signed it.
func receiverTLS(t *testing.T) (env, *sandbox.Authority) {
	t.Helper()
	authority, err := sandbox.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue("receiver", time.Now(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	e := env{"RECEIVER_TLS_CERT": filepath.Join(dir, "cert.pem"), "RECEIVER_TLS_KEY": filepath.Join(dir, "key.pem"), "RECEIVER_CLIENT_CA": filepath.Join(dir, "ca.pem")}
	for name, text := range map[string][]byte{
		"RECEIVER_TLS_CERT":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}),
		"RECEIVER_TLS_KEY":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"RECEIVER_CLIENT_CA": authority.PEM(),
	} {
		if err := os.WriteFile(e[name], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return e, authority
}

func TestTheReceiverSpeaksTLSOfItsOwn(t *testing.T) {
	t.Parallel()
	files, authority := receiverTLS(t)
	p := startProgram(t, withDatabase(t, files))
	p.out.until(t, "Receiver    https://"+p.Receiver)
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authority.Pool()}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: patience}
	for path, want := range map[string]int{"/in/nobody": http.StatusNotFound, "/oauth/token": http.StatusBadRequest} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+p.Receiver+path, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want || response.ProtoMajor != 1 {
			t.Errorf("POST %s = %d by %s, want %d", path, response.StatusCode, response.Proto, want)
		}
	}
	// The sandbox has an authority, which RECEIVER_CLIENT_CA may name.
	if _, err := os.Stat(filepath.Join(p.env["DATA_DIR"], sandbox.AuthorityFile)); err != nil {
		t.Errorf("the sandbox's authority: %v", err)
	}
	if err := p.stop(t); err != nil {
		t.Errorf("stop = %v, want nil", err)
	}
}

func TestReceiverFilesThatDoNotGoTogetherAreNamed(t *testing.T) {
	t.Parallel()
	files, _ := receiverTLS(t)
	for name, c := range map[string]struct {
		change env
		want   string
	}{
		"no key":                {env{"RECEIVER_TLS_KEY": ""}, "RECEIVER_TLS_KEY"},
		"no certificate":        {env{"RECEIVER_TLS_CERT": ""}, "RECEIVER_TLS_CERT"},
		"authorities alone":     {env{"RECEIVER_TLS_CERT": "", "RECEIVER_TLS_KEY": ""}, "RECEIVER_CLIENT_CA is set"},
		"the key of another":    {env{"RECEIVER_TLS_KEY": otherKey(t)}, "does not match"},
		"a file that is not it": {env{"RECEIVER_CLIENT_CA": files["RECEIVER_TLS_KEY"]}, "no certificate in the file"},
		"a file that is gone":   {env{"RECEIVER_TLS_CERT": "/does/not/exist"}, "/does/not/exist"},
	} {
		e := env{}
		for _, from := range []env{files, c.change} {
			for variable, value := range from {
				e[variable] = value
			}
		}
		_, err := load(nil, e)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.want)
		}
	}
}

func otherKey(t *testing.T) string {
	t.Helper()
	files, _ := receiverTLS(t)
	return files["RECEIVER_TLS_KEY"]
}

func TestTheSandboxsAssertionCertificateIsRegisteredOnceAndStaysRetired(t *testing.T) {
	t.Parallel()
	e := withDatabase(t, nil)
	sealer, err := store.NewSealer(store.SealingKey{})
	if err != nil {
		t.Fatal(err)
	}
	for start := range 2 {
		p := startProgram(t, e)
		if err := p.stop(t); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), store.Config{URL: e["DATABASE_URL"], Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		var all, retired int
		err = s.Pool().QueryRow(t.Context(), "SELECT count(*), count(retired_at) FROM assertion_certificates").Scan(&all, &retired)
		if err != nil || all != 1 || retired != start {
			t.Errorf("start %d: %d certificates, %d of them retired, %v; want one, which stays as it was", start+1, all, retired, err)
		}
		if _, err := s.Pool().Exec(t.Context(), "UPDATE assertion_certificates SET retired_at = now()"); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
}
