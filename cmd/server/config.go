package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/web/receiver"
)

// sandboxEnvironment is the one in which Cybersource is ours.
const sandboxEnvironment = "sandbox"

// Config is the checked configuration.
type Config struct {
	DatabaseURL        secret // "": a private one is started
	DatabaseDirectURL  secret // "": DatabaseURL keeps sessions
	DatabaseMaxConns   int32  // 0: by DatabaseURL and by what the database allows
	DataDir            string // absolute
	ConsoleAddr        string
	ReceiverAddr       string
	SandboxAddr        string
	OpsAddr            string
	ConsoleURL         string // "": from the address
	ReceiverURL        string // "": from the address
	Environment        string
	CybsBaseURL        string                // "": the environment's
	SandboxCredentials []sandboxOrganization // nil: made and kept in DataDir
	AdminEmail         string                // "": a one-time link is printed
	AdminPassword      secret
	EncryptionKeys     []store.SealingKey // newest first; none: made and kept in DataDir
	ReceiverTLS        receiver.TLSFiles  // zero: none of its own
	ReceiverAllow      []netip.Prefix     // none: everybody
	TrustedProxies     []netip.Prefix
	OutboundAllow      []netip.Prefix // none: public addresses alone
	Retention          time.Duration  // 0: everything is kept
	KeepSecurityCodes  bool
	PgBinDir           string
	PgInstall          bool
	LogLevel           slog.Level
	LogFormat          string // "": by what stderr is
}

// Sandbox tells whether Cybersource is the built-in one.
func (c Config) Sandbox() bool { return c.Environment == sandboxEnvironment }

// secret is a text that never prints.
type secret string

// String hides the text.
func (secret) String() string { return "[redacted]" }

// GoString hides the text.
func (secret) GoString() string { return "[redacted]" }

// LogValue hides the text.
func (secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText hides the text.
func (secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil } //nolint:unparam // an encoding.TextMarshaler

// checker collects everything that is wrong with the variables.
type checker struct{ problems []error }

// wrong tells which variable holds what, and what would be right.
func (c *checker) wrong(variable, value, want string) {
	c.problems = append(c.problems, fmt.Errorf("%s is %q: %s", variable, value, want))
}

// wrongSecret is wrong for what must not be shown.
func (c *checker) wrongSecret(variable, want string) {
	c.problems = append(c.problems, fmt.Errorf("%s (not shown): %s", variable, want))
}

// loadConfig checks the variables and reports every mistake together.
func loadConfig(raw settings) (Config, error) {
	c := &checker{}
	cfg := Config{
		DatabaseURL:       c.databaseURL("DATABASE_URL", raw.DatabaseURL),
		DatabaseDirectURL: c.directURL(raw), DatabaseMaxConns: c.maxConns(raw.DatabaseMaxConns),
		DataDir:    c.path("DATA_DIR", raw.DataDir),
		ConsoleURL: c.baseURL("CONSOLE_URL", raw.ConsoleURL, false), ReceiverURL: c.baseURL("RECEIVER_URL", raw.ReceiverURL, true),
		Environment: c.oneOf("CYBS_ENVIRONMENT", raw.CybsEnvironment, sandboxEnvironment, "test", "production", "production-india"),
		CybsBaseURL: c.baseURL("CYBS_BASE_URL", raw.CybsBaseURL, true),
		AdminEmail:  c.admin(raw), AdminPassword: secret(raw.AdminPassword),
		EncryptionKeys: c.encryptionKeys(raw),
		ReceiverTLS:    c.tlsFiles(raw), ReceiverAllow: c.sources("RECEIVER_ALLOW", raw.ReceiverAllow),
		TrustedProxies: c.networks("TRUSTED_PROXIES", raw.TrustedProxies),
		OutboundAllow:  c.networks("OUTBOUND_ALLOW", raw.OutboundAllow),
		Retention:      c.days("RETENTION_DAYS", raw.RetentionDays),
		PgBinDir:       raw.PgBinDir, PgInstall: c.oneOf("PG_INSTALL", raw.PgInstall, "yes", "no") == "yes",
		KeepSecurityCodes: c.keepCodes(raw),
		LogFormat:         raw.LogFormat,
	}
	c.addresses(&cfg, raw)
	c.encrypted(cfg)
	if cfg.LogFormat != "" {
		c.oneOf("LOG_FORMAT", raw.LogFormat, "text", "json")
	}
	level := c.oneOf("LOG_LEVEL", raw.LogLevel, "debug", "info", "warn", "error")
	if err := cfg.LogLevel.UnmarshalText([]byte(level)); err != nil {
		cfg.LogLevel = slog.LevelInfo // reported above
	}
	if cfg.Sandbox() && raw.SandboxCredentials != "" {
		var err error
		if cfg.SandboxCredentials, err = readSandboxCredentials(raw.SandboxCredentials); err != nil {
			c.wrong("SANDBOX_CREDENTIALS", raw.SandboxCredentials, err.Error())
		}
	}
	return cfg, errors.Join(c.problems...)
}

func (c *checker) oneOf(variable, value string, allowed ...string) string {
	if !slices.Contains(allowed, value) {
		c.wrong(variable, value, "want one of "+strings.Join(allowed, ", "))
	}
	return value
}

// keepCodes allows security codes to be stored only where all cards are invented.
func (c *checker) keepCodes(raw settings) bool {
	keep := c.oneOf("KEEP_SECURITY_CODES", raw.KeepSecurityCodes, "yes", "no") == "yes"
	if keep && raw.CybsEnvironment != sandboxEnvironment {
		c.wrong("KEEP_SECURITY_CODES", raw.KeepSecurityCodes, "want no: outside the sandbox, security codes must not be stored (PCI DSS 3.3.1)")
	}
	return keep
}

func (c *checker) path(variable, value string) string {
	abs, err := filepath.Abs(value)
	if err != nil {
		c.wrong(variable, value, "want a path: "+err.Error())
	}
	return abs
}

func (c *checker) databaseURL(variable, value string) secret {
	if value == "" {
		return ""
	}
	if problem := wrongDatabaseURL(value); problem != "" {
		c.wrongSecret(variable, problem)
	}
	return secret(value)
}

func (c *checker) directURL(raw settings) secret {
	if raw.DatabaseDirectURL != "" && raw.DatabaseURL == "" {
		c.wrongSecret("DATABASE_DIRECT_URL", "want DATABASE_URL as well, which leads through the pooler")
	}
	return c.databaseURL("DATABASE_DIRECT_URL", raw.DatabaseDirectURL)
}

func (c *checker) maxConns(value string) int32 {
	if value == "" {
		return 0
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < leastConns || n > mostConns {
		c.wrong("DATABASE_MAX_CONNS", value, fmt.Sprintf("want a number of connections from %d to %d", leastConns, mostConns))
		return 0
	}
	return int32(n)
}

// addresses checks the four doors and that no two want the same port.
func (c *checker) addresses(cfg *Config, raw settings) {
	taken := map[string]string{}
	for _, door := range []struct {
		variable, value string
		into            *string
	}{
		{"CONSOLE_ADDR", raw.ConsoleAddr, &cfg.ConsoleAddr},
		{"RECEIVER_ADDR", raw.ReceiverAddr, &cfg.ReceiverAddr},
		{"SANDBOX_ADDR", raw.SandboxAddr, &cfg.SandboxAddr},
		{"OPS_ADDR", raw.OpsAddr, &cfg.OpsAddr},
	} {
		*door.into = door.value
		if door.variable == "SANDBOX_ADDR" && !cfg.Sandbox() {
			continue
		}
		_, port, err := net.SplitHostPort(door.value)
		number, numberErr := strconv.Atoi(port)
		if err != nil || numberErr != nil || number < 0 || number > 65535 {
			c.wrong(door.variable, door.value, "want host:port, for example 127.0.0.1:8080, or :8080 for every address of the machine")
			continue
		}
		if other, ok := taken[door.value]; ok && number != 0 {
			c.wrong(door.variable, door.value, "want another than that of "+other)
		}
		taken[door.value] = door.variable
	}
}

// baseURL checks a URL that others are made from and returns it without a slash at its end.
func (c *checker) baseURL(variable, value string, mayHavePath bool) string {
	if value == "" {
		return ""
	}
	value = strings.TrimRight(value, "/")
	u, err := url.Parse(value)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		c.wrong(variable, value, "want a URL such as https://switchboard.example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		c.wrongSecret(variable, "want a URL without credentials, query or fragment")
	case u.Path != "" && !mayHavePath:
		c.wrong(variable, value, "want a URL without a path")
	}
	return value
}

// encrypted checks that outside the sandbox nothing goes over the network in plain text: passwords, sessions, notifications, API calls.
func (c *checker) encrypted(cfg Config) {
	if cfg.Sandbox() {
		return
	}
	for _, u := range []struct{ variable, value string }{{"CONSOLE_URL", cfg.ConsoleURL}, {"RECEIVER_URL", cfg.ReceiverURL}, {"CYBS_BASE_URL", cfg.CybsBaseURL}} {
		if parsed, err := url.Parse(u.value); err == nil && parsed.Scheme == "http" && !isLoopback(parsed.Hostname()) {
			c.wrong(u.variable, u.value, "want https outside the sandbox (this machine excepted)")
		}
	}
	if host, _, err := net.SplitHostPort(cfg.ConsoleAddr); err == nil && cfg.ConsoleURL == "" && !isLoopback(host) {
		c.wrong("CONSOLE_URL", "", "want the https URL of the console, since CONSOLE_ADDR is reached from other machines")
	}
	if host, _, err := net.SplitHostPort(cfg.ReceiverAddr); err == nil && cfg.ReceiverURL == "" && cfg.ReceiverTLS.Certificate == "" && !isLoopback(host) {
		c.wrong("RECEIVER_URL", "", "want the https URL of the receiver, since RECEIVER_ADDR is reached from other machines")
	}
}

// isLoopback tells whether a host is this machine.
func isLoopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (c *checker) admin(raw settings) string {
	switch {
	case raw.AdminEmail == "" && raw.AdminPassword == "":
	case raw.AdminEmail == "":
		c.wrong("ADMIN_EMAIL", "", "want an e-mail address, since ADMIN_PASSWORD is set")
	case raw.AdminPassword == "":
		c.wrongSecret("ADMIN_PASSWORD", "want a password, since ADMIN_EMAIL is set")
	}
	if a, err := mail.ParseAddress(raw.AdminEmail); raw.AdminEmail != "" && (err != nil || a.Address != raw.AdminEmail) {
		c.wrong("ADMIN_EMAIL", raw.AdminEmail, "want an e-mail address such as ada@example.com")
	}
	return raw.AdminEmail
}

func (c *checker) encryptionKeys(raw settings) []store.SealingKey {
	if raw.EncryptionKey == "" {
		if raw.DatabaseURL != "" {
			c.wrongSecret("ENCRYPTION_KEY", "want 32 bytes in base64, since DATABASE_URL is set; `openssl rand -base64 32` makes one")
		}
		return nil
	}
	var keys []store.SealingKey
	for i, text := range strings.Split(raw.EncryptionKey, ",") {
		key, err := store.ParseSealingKey(strings.TrimSpace(text))
		if err != nil {
			c.wrongSecret("ENCRYPTION_KEY", fmt.Sprintf("want 32 bytes in base64, but of entry %d: %v", i+1, err))
			continue
		}
		keys = append(keys, key)
	}
	return keys
}

// Less than two weeks would remove what Cybersource may still be trying to deliver.
const (
	minRetentionDays = 14
	maxRetentionDays = 36500
)

func (c *checker) days(variable, value string) time.Duration {
	n, err := strconv.Atoi(value)
	if err != nil || n != 0 && (n < minRetentionDays || n > maxRetentionDays) {
		c.wrong(variable, value, fmt.Sprintf("want a number of days from %d to %d, or 0 to keep everything", minRetentionDays, maxRetentionDays))
		return 0
	}
	return time.Duration(n) * 24 * time.Hour
}

func (c *checker) networks(variable, value string) []netip.Prefix {
	var list []netip.Prefix
	for text := range strings.SplitSeq(value, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			c.wrong(variable, text, "want an address or a network such as 10.0.0.0/8")
			continue
		}
		list = append(list, prefix.Masked())
	}
	return list
}

// sources is networks with the preset of Cybersource's own addresses.
func (c *checker) sources(variable, value string) []netip.Prefix {
	var list []netip.Prefix
	for text := range strings.SplitSeq(value, ",") {
		found, err := receiver.ParseSources([]string{text})
		if err != nil {
			c.wrong(variable, text, "want an address, a network such as 10.0.0.0/8, or "+store.SourceCybersource)
		}
		list = append(list, found...)
	}
	return list
}

// tlsFiles checks that the receiver's TLS files go together and can be used now.
func (c *checker) tlsFiles(raw settings) receiver.TLSFiles {
	files := receiver.TLSFiles{Certificate: raw.ReceiverTLSCert, Key: raw.ReceiverTLSKey, ClientCA: raw.ReceiverClientCA}
	switch {
	case files == receiver.TLSFiles{}:
	case files.Certificate == "":
		c.wrong("RECEIVER_TLS_CERT", "", "want a PEM file, since RECEIVER_TLS_KEY or RECEIVER_CLIENT_CA is set")
	case files.Key == "":
		c.wrong("RECEIVER_TLS_KEY", "", "want a PEM file, since RECEIVER_TLS_CERT is set")
	default:
		if err := files.Check(); err != nil {
			c.wrong("RECEIVER_TLS_CERT", files.Certificate, "want PEM files that can be used, but "+err.Error())
		}
	}
	return files
}
