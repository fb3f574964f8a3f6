package main

import (
	"encoding/base64"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store/storetest"
)

// withDatabase gives a program a database of the tests' server, which is faster than one of its own.
func withDatabase(t *testing.T, more env) env {
	t.Helper()
	e := testEnv(t, env{"DATABASE_URL": storetest.Database(t), "ENCRYPTION_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32))})
	for name, value := range more {
		e[name] = value
	}
	return e
}

func TestNothingSetGivesAWholeProgram(t *testing.T) {
	t.Parallel()
	e := testEnv(t, nil)
	p := startProgram(t, e)
	for url, want := range map[string]int{
		"http://" + p.Console + "/sign-in":                                  http.StatusOK,
		"http://" + p.Receiver + "/in/nobody":                               http.StatusNotFound,
		"http://" + p.Ops + "/livez":                                        http.StatusOK,
		"http://" + p.Ops + "/readyz":                                       http.StatusOK,
		"http://" + p.Sandbox + "/notification-subscriptions/v2/products/x": http.StatusUnauthorized,
	} {
		if got, _ := get(t, url); got != want {
			t.Errorf("GET %s = %d, want %d", url, got, want)
		}
	}
	p.out.until(t, "http://"+p.Console+"/set-up/")
	for file, want := range map[string]os.FileMode{keyFileName: 0o600, credentialsFileName: 0o600, addressesFileName: 0o600} {
		info, err := os.Stat(filepath.Join(e["DATA_DIR"], file))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s = %o, want %o", file, got, want)
		}
	}
	if err := p.stop(t); err != nil {
		t.Errorf("stop = %v, want nil", err)
	}
	if left, _ := filepath.Glob(filepath.Join(e["DATA_DIR"], "postgres", "*", "data", "postmaster.pid")); len(left) > 0 {
		t.Error("PostgreSQL was left running")
	}
	if _, err := os.Stat(filepath.Join(e["DATA_DIR"], addressesFileName)); !os.IsNotExist(err) {
		t.Errorf("the addresses are still there: %v", err)
	}

	// A second start keeps keys, credentials and data.
	credentials, err := os.ReadFile(filepath.Join(e["DATA_DIR"], credentialsFileName))
	if err != nil {
		t.Fatal(err)
	}
	again := startProgram(t, e)
	if got, err := os.ReadFile(filepath.Join(e["DATA_DIR"], credentialsFileName)); err != nil || string(got) != string(credentials) {
		t.Errorf("the sandbox's credentials changed: %v", err)
	}
	if err := again.stop(t); err != nil {
		t.Errorf("stop = %v, want nil", err)
	}

	// Without its key the data could not be opened: that is said, not worked around.
	if err := os.Remove(filepath.Join(e["DATA_DIR"], keyFileName)); err != nil {
		t.Fatal(err)
	}
	if got := failsWith(t, e); !strings.Contains(got, "encryption key") || !strings.Contains(got, "restore") {
		t.Errorf("error = %q, want one that says to restore the key", got)
	}
}

func TestAdministratorFromTheEnvironment(t *testing.T) {
	t.Parallel()
	e := withDatabase(t, env{"ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "correct horse battery staple"})
	p := startProgram(t, e)
	p.out.until(t, "Sign in as ann@example.com")
	for _, hidden := range []string{e["ADMIN_PASSWORD"], e["ENCRYPTION_KEY"], "/set-up/"} {
		if strings.Contains(p.out.String(), hidden) {
			t.Errorf("%q was printed", hidden)
		}
	}
}

func TestWeakAdministratorPasswordIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	got := failsWith(t, withDatabase(t, env{"ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "short"}))
	if !strings.Contains(got, "ADMIN_PASSWORD") || strings.Contains(got, `"short"`) {
		t.Errorf("error = %q, want one that names the variable and not the password", got)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	other, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() }) // nothing was accepted
	for _, variable := range []string{"CONSOLE_ADDR", "RECEIVER_ADDR", "SANDBOX_ADDR", "OPS_ADDR"} {
		got := failsWith(t, testEnv(t, env{variable: other.Addr().String()}))
		if !strings.Contains(got, variable) || !strings.Contains(got, other.Addr().String()) || !strings.Contains(got, "free port") {
			t.Errorf("error = %q, want one that names %s, the address and what to do", got, variable)
		}
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := failsWith(t, testEnv(t, env{"DATA_DIR": filepath.Join(file, "data")})); !strings.Contains(got, "DATA_DIR") {
		t.Errorf("error = %q, want one that names DATA_DIR", got)
	}
}

func TestUnreachableDatabaseIsNamedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	got := failsWith(t, withDatabase(t, env{"DATABASE_URL": "postgres://ann:geheim@127.0.0.1:1/nothing"}))
	if !strings.Contains(got, "DATABASE_URL") || !strings.Contains(got, "127.0.0.1:1") || strings.Contains(got, "geheim") {
		t.Errorf("error = %q, want one that names the variable and the address only", got)
	}
}

func TestDatabaseThatCannotHoldEveryCharacterIsRefused(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			got := failsWith(t, withDatabase(t, env{"DATABASE_URL": storetest.DatabaseEncoded(t, encoding)}))
			if !strings.Contains(got, "DATABASE_URL") || !strings.Contains(got, "encoding "+encoding) || !strings.Contains(got, "ENCODING 'UTF8'") {
				t.Errorf("error = %q, want one that names the encoding and what to do", got)
			}
		})
	}
}

func TestDatabaseOfANewerVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	e := withDatabase(t, nil)
	conn, err := pgx.Connect(t.Context(), e["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{nil, {"migrate", "up"}} {
		if got := failsWith(t, e, command...); !strings.Contains(got, "newer version") {
			t.Errorf("%v: error = %q, want one about the newer version", command, got)
		}
	}
}

func TestHealthFollowsReadiness(t *testing.T) {
	t.Parallel()
	e := withDatabase(t, nil)
	if got := failsWith(t, e, "health"); !strings.Contains(got, "does not answer") && !strings.Contains(got, "dial") {
		t.Errorf("error = %q before the start", got)
	}
	p := startProgram(t, e)
	asked := startRun(t, e, "health")
	if err := asked.wait(t); err != nil {
		t.Errorf("health = %v while the program runs", err)
	}
	if err := p.stop(t); err != nil {
		t.Errorf("stop = %v, want nil", err)
	}
}

func TestMigrateCommands(t *testing.T) {
	t.Parallel()
	e := withDatabase(t, nil)
	for _, step := range []struct{ command, want string }{
		{"status", "applied  00001_users.sql"},
		{"down", "schema version"},
		{"status", "pending"},
		{"up", "schema version"},
	} {
		p := startRun(t, e, "migrate", step.command)
		if err := p.wait(t); err != nil || !strings.Contains(p.out.String(), step.want) {
			t.Errorf("migrate %s = %v, printed %q, want %q", step.command, err, p.out, step.want)
		}
	}
}

func TestSandboxCredentialsOfTheOperator(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "credentials.json")
	write := func(keyID string) {
		text := `{"merchantId": "shop", "keyId": "` + keyID + `", "secretBase64": "c2VjcmV0IHNlY3JldA=="}`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := withDatabase(t, env{"SANDBOX_CREDENTIALS": file})
	stored := func() (organization, keyID string) {
		conn, err := pgx.Connect(t.Context(), e["DATABASE_URL"])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context()) //nolint:errcheck // only read
		if err := conn.QueryRow(t.Context(), "SELECT organization_id, key_id FROM organizations").Scan(&organization, &keyID); err != nil {
			t.Fatal(err)
		}
		return organization, keyID
	}
	for _, keyID := range []string{"first", "second"} {
		write(keyID)
		if err := startProgram(t, e).stop(t); err != nil {
			t.Fatal(err)
		}
		if organization, got := stored(); organization != "shop" || got != keyID {
			t.Errorf("the console knows organization %q with key %q, want shop with %q", organization, got, keyID)
		}
	}
}
