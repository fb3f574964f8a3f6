package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testKeyText is an encryption key as ENCRYPTION_KEY has it.
func testKeyText(fill byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
}

// command runs a command to its end and returns what it printed.
func command(t *testing.T, e env, args ...string) (string, error) {
	t.Helper()
	p := startRun(t, e, args...)
	err := p.wait(t)
	return p.out.String(), err
}

func TestTheEncryptionKeyIsRotatedWhileTheProgramRuns(t *testing.T) {
	t.Parallel()
	e := withDatabase(t, env{"ENCRYPTION_KEY": testKeyText(1)})
	first := startProgram(t, e)
	e["ENCRYPTION_KEY"] = testKeyText(2) + "," + testKeyText(1)
	if out, err := command(t, e, "keys", "rotate"); err == nil || !strings.Contains(err.Error(), "Restart every program") {
		t.Errorf("rotated beside a program without the new key: %v\n%s", err, out)
	}
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	second := startProgram(t, e)
	if out, err := command(t, e, "keys", "status"); err != nil || !strings.Contains(out, "older key") || !strings.Contains(out, "server keys rotate") {
		t.Errorf("status before: %v\n%s", err, out)
	}
	if out, err := command(t, e, "keys", "rotate"); err != nil || !strings.Contains(out, "Done: ") {
		t.Errorf("rotate: %v\n%s", err, out)
	}
	if out, err := command(t, e, "keys", "rotate"); err != nil || !strings.Contains(out, "Nothing to do") {
		t.Errorf("rotate again: %v\n%s", err, out)
	}
	if out, err := command(t, e, "keys", "status"); err != nil || strings.Contains(out, "older key") || !strings.Contains(out, "can be removed") {
		t.Errorf("status after: %v\n%s", err, out)
	}
	if err := second.stop(t); err != nil {
		t.Fatal(err)
	}
	e["ENCRYPTION_KEY"] = testKeyText(2)
	third := startProgram(t, e)
	if status, body := get(t, "http://"+third.Ops+"/readyz"); status != http.StatusOK || body != "ready\n" {
		t.Errorf("without the old key: %d %q", status, body)
	}
}

func TestAStartWithoutTheOldKeySaysWhatCannotBeOpened(t *testing.T) {
	t.Parallel()
	e := withDatabase(t, env{"ENCRYPTION_KEY": testKeyText(1), "CYBS_ENVIRONMENT": "sandbox"})
	if err := startProgram(t, e).stop(t); err != nil {
		t.Fatal(err)
	}
	// Another environment makes nothing again that the sandbox would.
	e["ENCRYPTION_KEY"], e["CYBS_ENVIRONMENT"] = testKeyText(2), "test"
	p := startProgram(t, e)
	status, body := get(t, "http://"+p.Ops+"/readyz")
	if status != http.StatusOK || !strings.Contains(body, "ready\nwarning: Encryption key ") || !strings.Contains(body, "1 REST secret") {
		t.Errorf("readiness: %d %q", status, body)
	}
	p.out.until(t, "WARNING: Encryption key ")
	if strings.Contains(p.out.String()+body, testKeyText(2)) {
		t.Error("a key is shown")
	}
	if out, err := command(t, e, "keys", "rotate"); err == nil || !strings.Contains(out, "cannot be opened") {
		t.Errorf("rotate: %v\n%s", err, out)
	}
	if out, err := command(t, e, "keys", "status"); err != nil || !strings.Contains(out, "NOT CONFIGURED") {
		t.Errorf("status: %v\n%s", err, out)
	}
}

func TestThePrivateDatabasesKeyCanLeave(t *testing.T) {
	t.Parallel()
	e := testEnv(t, nil)
	file := filepath.Join(e["DATA_DIR"], keyFileName)
	p := startProgram(t, e)
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, e, "keys", "new"); err != nil || !strings.Contains(out, "Restart the program") {
		t.Fatalf("new: %v\n%s", err, out)
	}
	if out, err := command(t, e, "keys", "rotate"); err == nil || !strings.Contains(err.Error(), "Restart every program") {
		t.Errorf("rotated beside a program without the new key: %v\n%s", err, out)
	}
	if err := p.stop(t); err != nil {
		t.Fatal(err)
	}
	p = startProgram(t, e)
	if out, err := command(t, e, "keys", "rotate"); err != nil || !strings.Contains(out, "The older keys were removed") {
		t.Fatalf("rotate: %v\n%s", err, out)
	}
	if err := p.stop(t); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(file)
	if err != nil || bytes.Contains(now, bytes.TrimSpace(old)) || len(strings.Fields(string(now))) != 1 {
		t.Errorf("the key file still has the old key, or more than one: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	again := startProgram(t, e)
	if status, body := get(t, "http://"+again.Ops+"/readyz"); status != http.StatusOK || body != "ready\n" {
		t.Errorf("without the old key: %d %q", status, body)
	}
	if out, err := command(t, e, "keys", "status"); err != nil || !strings.Contains(out, "Everything is sealed with the newest key.") {
		t.Errorf("status beside the running program: %v\n%s", err, out)
	}
}
