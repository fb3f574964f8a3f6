package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestOddEndsOfEveryValueAreTakenOffOrNamed(t *testing.T) {
	t.Parallel()
	ends := map[string]string{"line end": "\n", "CR LF": "\r\n", "space": " ", "tab": "\t", "no-break space": "\u00a0", "byte order mark": "\ufeff", "zero-width space": "\u200b", "word joiner": "\u2060"}
	for field := range fields(reflect.TypeFor[settings]()) {
		name, secrecy := field.Tag.Get("variable"), field.Tag.Get("secret")
		for what, end := range ends {
			for _, value := range []string{end + "plain-value", "plain-value" + end, end + "plain-value" + end} {
				got, err := tidyValue(name, secrecy, value)
				switch {
				case err == nil && got != "plain-value":
					t.Errorf("%s with a %s: %q", name, what, got)
				case err != nil && (secrecy != passwordSecrecy || strings.Contains(err.Error(), "plain-value") || !strings.Contains(err.Error(), name)):
					t.Errorf("%s with a %s: %v", name, what, err)
				}
			}
		}
		for _, value := range []string{`"plain-value"`, "'plain-value'", "plain\nvalue", "plain\x00value"} {
			if _, err := tidyValue(name, secrecy, value); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "value\"") {
				t.Errorf("%s=%q: %v", name, value, err)
			}
		}
		if got, err := tidyValue(name, secrecy, "\n"); got != "" || err != nil {
			t.Errorf("%s is a line end alone: %q, %v", name, got, err)
		}
	}
}

func TestSecretsAreReadFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	e := env{
		"DATABASE_URL_FILE": write("url", "postgres://u:geheim@h:5432/d\r\n"), "ENCRYPTION_KEY_FILE": write("key", "\ufeff"+testKeyText(3)+"\n"),
		"ADMIN_EMAIL": "ann@example.com ", "ADMIN_PASSWORD_FILE": write("password", "correct horse battery staple\n"), "CONSOLE_ADDR": " 127.0.0.1:0\n", "LOG_LEVEL": "\r\n",
	}
	_, line, err := parse(nil, e.get)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(line.settings)
	if err != nil {
		t.Fatal(err)
	}
	if string(cfg.DatabaseURL) != "postgres://u:geheim@h:5432/d" || len(cfg.EncryptionKeys) != 1 || string(cfg.AdminPassword) != "correct horse battery staple" ||
		cfg.AdminEmail != "ann@example.com" || cfg.ConsoleAddr != "127.0.0.1:0" || line.LogLevel != "info" {
		t.Errorf("read %+v", cfg)
	}
	for name, wrong := range map[string]env{
		"both":    {"ENCRYPTION_KEY": "x", "ENCRYPTION_KEY_FILE": write("both", "y")},
		"missing": {"ADMIN_PASSWORD_FILE": filepath.Join(dir, "nowhere")},
		"empty":   {"DATABASE_URL_FILE": write("empty", "\n")},
		"large":   {"DATABASE_URL_FILE": write("large", strings.Repeat("x", maxSecretFile+1))},
		"folder":  {"DATABASE_URL_FILE": dir},
		"space":   {"ADMIN_PASSWORD_FILE": write("space", "geheim geheim \n")},
	} {
		if _, _, err := parse(nil, wrong.get); err == nil || strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "_FILE") && name != "space" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsWrongWithADatabaseURLIsSaidWithoutIt(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"postgres://u:ge#heim@h:5432/d":                       "percent-encoded",
		"postgres://u:12#heim@h:5432/d":                       "percent-encoded",
		"postgres://u:ge/heim@h/d":                            "percent-encoded",
		"postgres://u:12/heim@h/d":                            "percent-encoded",
		"postgres://u:ge?heim@h/d":                            "percent-encoded",
		"postgres://u:ge%heim@h/d":                            "percent-encoded",
		"postgres://u:ge heim@h/d":                            "percent-encoded",
		"postgres://u:geheim@h:port/d":                        "no port",
		"postgres://u:geheim@h/d?sslmode=geheim":              "parameter sslmode",
		"postgres://u:geheim@h/d?pool_max_conns=geheim":       "parameter pool_max_conns",
		"postgres://u:geheim@h/d?connect_timeout=geheim":      "parameter connect_timeout",
		"mysql://u:geheim@h/d":                                "mysql://",
		"geheim":                                              "neither",
		"host=h password=geheim sslmode=geheim":               "parameter sslmode",
		"host=h port=geheim":                                  "parameter port",
		"host=h password='geheim":                             "single quotation marks",
		"postgres://u:geheim@h/d?target_session_attrs=geheim": "parameter target_session_attrs",
	} {
		got := wrongDatabaseURL(value)
		if !strings.Contains(got, want) || strings.Contains(got, "heim") {
			t.Errorf("%s: %q, want %q and nothing of the value", value, got, want)
		}
	}
	for _, value := range []string{"postgres://u:p%23@h:5432/d?sslmode=disable", "postgresql:///d?host=/tmp", "host=h password='a b'", "postgres://u:p@h1,h2:5433/d", "postgres://u:p%40@[::1]:5432/d"} {
		if got := wrongDatabaseURL(value); got != "" {
			t.Errorf("%s: %q", value, got)
		}
	}
}

func TestARestartKeepsWhatTheConsoleChangedAndAResetLetsInAgain(t *testing.T) {
	t.Parallel()
	e := withDatabase(t, env{"ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "correct horse battery staple"})
	p := startProgram(t, e)
	p.out.until(t, "Sign in as ann@example.com")
	if out, err := command(t, env{"DATABASE_URL": e["DATABASE_URL"], "ENCRYPTION_KEY": e["ENCRYPTION_KEY"], "DATA_DIR": e["DATA_DIR"], "LOG_LEVEL": "error"}, "admin", "reset", "--admin-email=ann@example.com"); err != nil || !strings.Contains(out, "The new password, which is shown only now: ") {
		t.Errorf("reset beside the running program: %v\n%s", err, out)
	}
	if _, err := command(t, e, "admin", "reset", "--admin-email=bob@example.com"); err == nil || !strings.Contains(err.Error(), "nobody has this address") {
		t.Errorf("reset of a stranger: %v", err)
	}
	if err := p.stop(t); err != nil {
		t.Fatal(err)
	}
	again := startProgram(t, e)
	again.out.until(t, "server admin reset")
	if strings.Contains(again.out.String(), "ADMIN_PASSWORD") {
		t.Error("the restart says that ADMIN_PASSWORD counts")
	}
}
