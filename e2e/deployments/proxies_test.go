package deployments

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store/storetest"
)

// certificate is what a proxy shows for localhost; it signs itself.
type certificate struct{ pem, key, both string }

func newCertificate(t *testing.T, dir string) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	shown := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	hidden := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	c := certificate{pem: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "cert.key"), both: filepath.Join(dir, "both.pem")}
	for path, content := range map[string][]byte{c.pem: shown, c.key: hidden, c.both: append(shown[:len(shown):len(shown)], hidden...)} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// trusting is a browser's transport that trusts the certificate and finds every host at address.
func (c certificate) trusting(t *testing.T, address string) *http.Transport {
	t.Helper()
	content, err := os.ReadFile(c.pem)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
}

// startNginx starts one with a configuration of docs/deploying.
func startNginx(t *testing.T, c certificate, address, file string, replace ...string) {
	t.Helper()
	dir := openDir(t)
	site := configuration(t, dir, file, append([]string{"listen 443 ssl", "listen " + address + " ssl", "/etc/ssl/switchboard.pem", c.pem, "/etc/ssl/switchboard.key", c.key}, replace...)...)
	main := filepath.Join(dir, "main.conf")
	content := "daemon off;\nmaster_process off;\npid " + dir + "/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		content += kind + "_temp_path " + filepath.Join(dir, kind) + ";\n"
	}
	if err := os.WriteFile(main, []byte(content+"include "+site+";\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, nil, nil, pathOf(t, "nginx"), "-c", main, "-e", "stderr")
	p.listening(t, address)
}

func TestNginx(t *testing.T) {
	t.Parallel()
	c, console, hooks := newCertificate(t, openDir(t)), freeAddress(t), freeAddress(t)
	consoleURL, hooksURL := "https://localhost:"+portOf(t, console), "https://localhost:"+portOf(t, hooks)
	p := newServer(t)
	// Both names are localhost here, so each server has a port of its own.
	startNginx(t, c, console, "nginx.conf", "127.0.0.1:8080", p.console, "127.0.0.1:8081", p.receiver,
		"server_name hooks.example.com;", "listen "+hooks+" ssl; server_name _;", "Host $host", "Host $http_host")
	p.start(t, "DATABASE_URL="+storetest.Database(t), "CONSOLE_URL="+consoleURL, "RECEIVER_URL="+hooksURL, "TRUSTED_PROXIES=127.0.0.1", "SSL_CERT_FILE="+c.pem)
	transport := c.trusting(t, console)
	story(t, p, consoleURL, transport)
	// At its plain address the console tells where it is.
	plain, _ := fetch(t, http.MethodGet, "http://"+p.console+"/sign-in", nil)
	if body := read(t, plain); !strings.Contains(body, `href="`+consoleURL+`/sign-in"`) {
		t.Errorf("the sign-in page at the plain address does not lead to %s", consoleURL)
	}
}

func TestNginxWithAPath(t *testing.T) {
	t.Parallel()
	for name, pass := range map[string]string{"kept": "", "stripped": "/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, hooks := newCertificate(t, openDir(t)), freeAddress(t)
			p := newServer(t)
			startNginx(t, c, hooks, "nginx-path.conf", "proxy_pass http://127.0.0.1:8081;", "proxy_pass http://"+p.receiver+pass+";")
			hooksURL := "https://localhost:" + portOf(t, hooks) + "/webhooks"
			p.start(t, "DATABASE_URL="+storetest.Database(t), "RECEIVER_URL="+hooksURL, "TRUSTED_PROXIES=127.0.0.1", "SSL_CERT_FILE="+c.pem)
			story(t, p, "http://"+p.console, &http.Transport{})
			for path, want := range map[string]int{"/readyz": http.StatusOK, "/in/nobody": http.StatusNotFound, "/in/nobody/health": http.StatusNotFound, "/oauth/token": http.StatusMethodNotAllowed} {
				res, err := fetch(t, http.MethodGet, hooksURL+path, c.trusting(t, hooks))
				if err != nil {
					t.Fatal(err)
				}
				read(t, res)
				if res.StatusCode != want {
					t.Errorf("GET %s answered %d, want %d", path, res.StatusCode, want)
				}
			}
		})
	}
}

func TestHAProxy(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	c, public := newCertificate(t, dir), freeAddress(t)
	consoleURL := "https://localhost:" + portOf(t, public)
	p := newServer(t)
	config := configuration(t, dir, "haproxy.cfg", "bind :443", "bind "+public, "/etc/haproxy/switchboard.pem", c.both,
		"10.0.0.5:8080", p.console, "10.0.0.5:8081", p.receiver, "{ hdr(host) -m beg hooks.example.com }", "{ path_beg /in/ }", "inter 2s", "inter 100ms")
	proxy := startProcess(t, nil, nil, pathOf(t, "haproxy"), "-db", "-f", config)
	proxy.listening(t, public)
	p.start(t, "DATABASE_URL="+storetest.Database(t), "CONSOLE_URL="+consoleURL, "RECEIVER_URL="+consoleURL, "TRUSTED_PROXIES=127.0.0.1", "SSL_CERT_FILE="+c.pem)
	waitThrough(t, p, c.trusting(t, public), consoleURL+"/sign-in", http.StatusOK)
	waitThrough(t, p, c.trusting(t, public), consoleURL+"/in/nobody", http.StatusNotFound)
	story(t, p, consoleURL, c.trusting(t, public))
}

func TestHAProxyPassesTCPOn(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	c, public := newCertificate(t, dir), freeAddress(t)
	hooksURL := "https://localhost:" + portOf(t, public)
	p := newServer(t)
	config := configuration(t, dir, "haproxy-tcp.cfg", "bind :443", "bind "+public, "10.0.0.5:8081", p.receiver, "inter 2s", "inter 100ms")
	proxy := startProcess(t, nil, nil, pathOf(t, "haproxy"), "-db", "-f", config)
	proxy.listening(t, public)
	p.start(t, "DATABASE_URL="+storetest.Database(t), "RECEIVER_URL="+hooksURL, "RECEIVER_TLS_CERT="+c.pem, "RECEIVER_TLS_KEY="+c.key)
	waitThrough(t, p, c.trusting(t, public), hooksURL+"/readyz", http.StatusOK)
	story(t, p, "http://"+p.console, &http.Transport{})
}

// waitThrough waits until a proxy has found the server well, by its checks.
func waitThrough(t *testing.T, p *program, transport *http.Transport, address string, want int) {
	t.Helper()
	p.waitFor(t, address, func() error {
		res, err := fetch(t, http.MethodGet, address, transport)
		if err != nil {
			return err
		}
		read(t, res)
		if res.StatusCode != want {
			return errStatus(res.StatusCode)
		}
		return nil
	})
}

// Every listener answers those who ask whether it lives, by each method that load balancers use.
func TestLoadBalancersAreAnswered(t *testing.T) {
	t.Parallel()
	p := startServer(t, "DATABASE_URL="+storetest.Database(t))
	for name, address := range map[string]string{"console": p.console, "receiver": p.receiver, "sandbox": p.sandbox, "operations": p.ops} {
		for _, path := range []string{"/livez", "/readyz", "/"} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
				want := http.StatusOK
				if name == "console" && path == "/" && method != http.MethodOptions {
					want = http.StatusSeeOther // a page, for those who have signed in
				}
				res, err := fetch(t, method, "http://"+address+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				read(t, res)
				if res.StatusCode != want {
					t.Errorf("%s: %s %s answered %d, want %d", name, method, path, res.StatusCode, want)
				}
			}
		}
	}
}
