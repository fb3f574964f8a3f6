package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// load reads a configuration as main does.
func load(args []string, e env) (Config, error) {
	_, line, err := parse(args, e.get)
	if err != nil {
		return Config{}, err
	}
	return loadConfig(line.settings)
}

func mustLoad(t *testing.T, args []string, e env) Config {
	t.Helper()
	cfg, err := load(args, e)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDefaultsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, nil, nil)
	want := []string{"127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:8083", "sandbox"}
	if got := []string{cfg.ConsoleAddr, cfg.ReceiverAddr, cfg.SandboxAddr, cfg.OpsAddr, cfg.Environment}; !slices.Equal(got, want) {
		t.Errorf("defaults = %v, want %v", got, want)
	}
	if filepath.Base(cfg.DataDir) != ".data" || !filepath.IsAbs(cfg.DataDir) || cfg.LogLevel != slog.LevelInfo || !cfg.PgInstall {
		t.Errorf("defaults = %+v", cfg)
	}
}

func TestFlagsWinOverVariables(t *testing.T) {
	t.Parallel()
	e := env{"CONSOLE_ADDR": ":1", "OPS_ADDR": ":2"}
	for _, args := range [][]string{{"--console-addr=:3"}, {"serve", "--console-addr", ":3"}, {"--console-addr=:3", "serve"}} {
		if cfg := mustLoad(t, args, e); cfg.ConsoleAddr != ":3" || cfg.OpsAddr != ":2" {
			t.Errorf("%v: console %q, ops %q; want :3 from the flag, :2 from the variable", args, cfg.ConsoleAddr, cfg.OpsAddr)
		}
	}
}

func TestEmptyVariableCountsAsNotSet(t *testing.T) {
	t.Parallel()
	if cfg := mustLoad(t, nil, env{"CONSOLE_ADDR": "", "LOG_LEVEL": ""}); cfg.ConsoleAddr != "127.0.0.1:8080" {
		t.Errorf("console = %q, want the default", cfg.ConsoleAddr)
	}
}

func TestListsAreRead(t *testing.T) {
	t.Parallel()
	key := func(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }
	cfg := mustLoad(t, nil, env{"ENCRYPTION_KEY": key(1) + ", " + key(2), "TRUSTED_PROXIES": "10.1.2.3/8, ::1,192.0.2.7", "RECEIVER_ALLOW": "cybersource, 192.0.2.0/24"})
	if len(cfg.EncryptionKeys) != 2 {
		t.Errorf("%d keys, want 2", len(cfg.EncryptionKeys))
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.0.2.7/32")}
	if !slices.Equal(cfg.TrustedProxies, want) {
		t.Errorf("proxies = %v, want %v", cfg.TrustedProxies, want)
	}
	want = []netip.Prefix{netip.MustParsePrefix("198.241.206.21/32"), netip.MustParsePrefix("198.241.207.21/32"), netip.MustParsePrefix("192.0.2.0/24")}
	if !slices.Equal(cfg.ReceiverAllow, want) {
		t.Errorf("allowed = %v, want %v", cfg.ReceiverAllow, want)
	}
}

func TestRetentionIsGivenInDays(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{"": 90 * day, "0": 0, "14": 14 * day, "3650": 3650 * day} {
		e := env{}
		if text != "" {
			e["RETENTION_DAYS"] = text
		}
		if cfg := mustLoad(t, nil, e); cfg.Retention != want {
			t.Errorf("%q: kept for %v, want %v", text, cfg.Retention, want)
		}
	}
	for _, text := range []string{"13", "-1", "forever", "1e3", "40000"} {
		if _, err := load(nil, env{"RETENTION_DAYS": text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestSecurityCodesAreKeptInTheSandboxAlone(t *testing.T) {
	t.Parallel()
	if mustLoad(t, nil, env{}).KeepSecurityCodes || !mustLoad(t, nil, env{"KEEP_SECURITY_CODES": "yes"}).KeepSecurityCodes {
		t.Error("they are kept without being asked for, or not when asked for")
	}
	for _, e := range []env{{"KEEP_SECURITY_CODES": "perhaps"}, {"KEEP_SECURITY_CODES": "yes", "CYBS_ENVIRONMENT": "test"}, {"KEEP_SECURITY_CODES": "yes", "CYBS_ENVIRONMENT": "production"}} {
		if _, err := load(nil, e); err == nil || !strings.Contains(err.Error(), "KEEP_SECURITY_CODES is") {
			t.Errorf("%v: %v", e, err)
		}
	}
}

func TestEveryMistakeIsReportedTogether(t *testing.T) {
	t.Parallel()
	e := env{
		"CONSOLE_ADDR": "8080", "RECEIVER_ADDR": "127.0.0.1:9", "OPS_ADDR": "127.0.0.1:9", "SANDBOX_ADDR": "localhost:http",
		"CONSOLE_URL": "example.com", "RECEIVER_URL": "https://u:geheim@example.com", "CYBS_BASE_URL": "ftp://example.com",
		"DATABASE_URL": "postgres://u:geheim@host:port/x", "ADMIN_EMAIL": "ann", "TRUSTED_PROXIES": "10.0.0.0/8,nobody",
		"RECEIVER_ALLOW": "cybersource,somebody", "RECEIVER_TLS_KEY": "/does/not/exist",
		"LOG_LEVEL": "loud", "LOG_FORMAT": "xml", "PG_INSTALL": "maybe", "RETENTION_DAYS": "3", "SANDBOX_CREDENTIALS": "/does/not/exist",
	}
	_, err := load(nil, e)
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for _, variable := range []string{
		"CONSOLE_ADDR", "OPS_ADDR", "SANDBOX_ADDR", "CONSOLE_URL", "RECEIVER_URL", "CYBS_BASE_URL", "DATABASE_URL", "ADMIN_EMAIL", "ADMIN_PASSWORD",
		"ENCRYPTION_KEY", "RECEIVER_ALLOW", "RECEIVER_TLS_CERT", "TRUSTED_PROXIES", "LOG_LEVEL", "LOG_FORMAT", "PG_INSTALL", "RETENTION_DAYS", "SANDBOX_CREDENTIALS",
	} {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, variable+" ") })
		if i < 0 || !strings.Contains(lines[i], "want ") {
			t.Errorf("nothing says what %s should be:\n%s", variable, err)
		}
	}
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("a password is shown: %v", err)
	}
	if !strings.Contains(err.Error(), `TRUSTED_PROXIES is "nobody"`) {
		t.Errorf("the value is not named: %v", err)
	}
}

func TestEnvironmentIsOneOfFour(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sandbox", "test", "production", "production-india"} {
		if cfg := mustLoad(t, nil, env{"CYBS_ENVIRONMENT": name}); cfg.Environment != name || cfg.Sandbox() != (name == "sandbox") {
			t.Errorf("environment %s gives %q, sandbox %t", name, cfg.Environment, cfg.Sandbox())
		}
	}
	if _, err := load(nil, env{"CYBS_ENVIRONMENT": "prod"}); err == nil || !strings.Contains(err.Error(), "production-india") {
		t.Errorf("error = %v, want one that lists the four", err)
	}
}

func TestConfiguredDatabaseNeedsAKey(t *testing.T) {
	t.Parallel()
	_, err := load(nil, env{"DATABASE_URL": "postgres://localhost/x"})
	if err == nil || !strings.HasPrefix(err.Error(), "ENCRYPTION_KEY ") {
		t.Errorf("error = %v, want one about ENCRYPTION_KEY alone", err)
	}
}

func TestConfigurationNeverPrintsSecrets(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))
	cfg := mustLoad(t, nil, env{
		"DATABASE_URL": "postgres://u:geheim1@h/x", "ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "geheim2", "ENCRYPTION_KEY": key,
	})
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("config", "config", cfg, "url", cfg.DatabaseURL, "password", cfg.AdminPassword)
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), string(text), logged.String()} {
		for _, hidden := range []string{"geheim1", "geheim2", key, strings.Repeat("107 ", 31)} {
			if strings.Contains(printed, hidden) {
				t.Errorf("%q is in %s", hidden, printed)
			}
		}
	}
}

func TestHelpListsEveryCommandAndVariable(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"--help"}, {"migrate", "--help"}, {"-h"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, env{}.get, &out); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		for _, want := range []string{
			"server serve", "server migrate up", "server migrate down", "server migrate status", "server version", "server help",
			"DATABASE_URL", "DATA_DIR", "CONSOLE_ADDR", "RECEIVER_ADDR", "SANDBOX_ADDR", "OPS_ADDR", "CONSOLE_URL", "RECEIVER_URL", "CYBS_ENVIRONMENT", "CYBS_BASE_URL",
			"SANDBOX_CREDENTIALS", "ADMIN_EMAIL", "ADMIN_PASSWORD", "ENCRYPTION_KEY", "RECEIVER_TLS_CERT", "RECEIVER_TLS_KEY", "RECEIVER_CLIENT_CA", "RECEIVER_ALLOW", "TRUSTED_PROXIES", "LOG_LEVEL", "LOG_FORMAT", "PG_BIN_DIR",
			"--console-addr", "[127.0.0.1:8080]", "[.data]",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v: %s is missing in\n%s", args, want, out.String())
			}
		}
	}
}

func TestUnknownCommandsAndFlagsPointToHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"frobnicate"}, {"--frobnicate"}, {"migrate"}, {"migrate", "sideways"}} {
		if err := run(t.Context(), args, env{}.get, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "server help") {
			t.Errorf("%v: error = %v, want one that names `server help`", args, err)
		}
	}
}

func TestVersionIsPrinted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"version"}, env{}.get, &out); err != nil || !strings.HasPrefix(out.String(), "switchboard ") {
		t.Errorf("version = %q, %v", out.String(), err)
	}
}

func TestSandboxCredentialsAreChecked(t *testing.T) {
	t.Parallel()
	const secretText = "c2VjcmV0IHNlY3JldA=="
	for name, test := range map[string]struct{ content, want string }{
		"one":            {`{"merchantId": "a", "organizationId": "b", "keyId": "k", "secretBase64": "` + secretText + `"}`, ""},
		"list":           {`[{"merchantId": "a", "keyId": "k", "secretBase64": "` + secretText + `"}, {"organizationId": "b", "keyId": "l", "secretBase64": "` + secretText + `"}]`, ""},
		"empty list":     {`[]`, "at least one"},
		"no JSON":        {`hello`, "want JSON"},
		"no name":        {`{"keyId": "k", "secretBase64": "` + secretText + `"}`, "neither organizationId nor merchantId"},
		"no key id":      {`{"merchantId": "a", "secretBase64": "` + secretText + `"}`, "keyId"},
		"broken secret":  {`{"merchantId": "a", "keyId": "k", "secretBase64": "geheim!"}`, "secretBase64"},
		"no certificate": {`{"merchantId": "a", "keyId": "k", "secretBase64": "` + secretText + `", "p12CertificatePem": "x"}`, "PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "credentials.json")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := load(nil, env{"SANDBOX_CREDENTIALS": file})
			if test.want == "" {
				if err != nil {
					t.Errorf("error = %v, want none", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "SANDBOX_CREDENTIALS") || strings.Contains(err.Error(), "geheim") {
				t.Errorf("error = %v, want one about %q without the secret", err, test.want)
			}
		})
	}
}
