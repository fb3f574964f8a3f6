package embedded_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store/embedded"
)

// start runs a private database in this process.
func start(t *testing.T, cfg embedded.Config) *embedded.Server {
	t.Helper()
	if cfg.Settings == nil {
		cfg.Settings = fast()
	}
	s, err := embedded.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func setting(t *testing.T, s *embedded.Server, name string) string {
	t.Helper()
	var value string
	if err := connect(t, s.URL()).QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestDataOutlivesTheServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	s := start(t, embedded.Config{Dir: dir})
	conn := connect(t, s.URL())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 'grüße' AS word"); err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	select {
	case <-s.Done():
	default:
		t.Error("Done is open after Stop")
	}
	if err := s.Err(); err != nil {
		t.Errorf("Err after Stop = %v, want nil", err)
	}

	again := start(t, embedded.Config{Dir: dir})
	var word string
	if err := connect(t, again.URL()).QueryRow(t.Context(), "SELECT word FROM kept").Scan(&word); err != nil || word != "grüße" {
		t.Errorf("kept word = %q, %v; want grüße", word, err)
	}
}

func TestDefaultsAreDurableAndPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	s := start(t, embedded.Config{Dir: dir, Settings: map[string]string{"max_connections": "37"}})
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on",
		"listen_addresses": "", "server_encoding": "UTF8", "TimeZone": "UTC", "log_error_verbosity": "terse",
		"max_connections": "37",
	} {
		if got := setting(t, s, name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for file, want := range map[string]fs.FileMode{"password": 0o600, "postgres.log": 0o600, "run": 0o700} {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s = %o, want %o", file, got, want)
		}
	}
}

func TestLogKeepsStoredDataOut(t *testing.T) {
	t.Parallel()
	s := start(t, embedded.Config{Dir: filepath.Join(openDir(t), "pg")})
	conn := connect(t, s.URL())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE cards (pan text PRIMARY KEY CHECK (pan <> '4111'))"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO cards VALUES ('4111')"); err == nil {
		t.Fatal("the row was taken")
	}
	log, err := os.ReadFile(s.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "cards_pan_check") {
		t.Errorf("the error is not in the log:\n%s", log)
	}
	if strings.Contains(string(log), "4111") {
		t.Errorf("the log repeats the row:\n%s", log)
	}
}

func TestLostPasswordIsReplaced(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	s := start(t, embedded.Config{Dir: dir})
	old := s.URL()
	stop(t, s)
	if err := os.Remove(filepath.Join(dir, "password")); err != nil {
		t.Fatal(err)
	}
	again := start(t, embedded.Config{Dir: dir})
	if again.URL() == old {
		t.Error("the password is the old one")
	}
	connect(t, again.URL())
}

func TestWrongPasswordFileIsToldAsSuch(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	stop(t, start(t, embedded.Config{Dir: dir}))
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Settings: fast()})
	if err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("error = %v, want one about the password", err)
	}
}

func TestFoldersWithLongOrDifficultNames(t *testing.T) {
	t.Parallel()
	for name, folder := range map[string]string{
		"long":    strings.Repeat("deep/", 30) + "pg",
		"comma":   "a,b/pg",
		"quote":   `it's "quoted"/pg`,
		"space":   "two words/pg",
		"unicode": "größe/pg",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, embedded.Config{Dir: filepath.Join(openDir(t), folder)})
			connect(t, s.URL())
		})
	}
}

func TestFolderBehindASymbolicLink(t *testing.T) {
	t.Parallel()
	base := openDir(t)
	if err := os.Mkdir(filepath.Join(base, "real"), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	s := start(t, embedded.Config{Dir: filepath.Join(base, "link", "pg")})
	connect(t, s.URL())
}

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	s := start(t, embedded.Config{Dir: dir})
	_, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Settings: fast()})
	if !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("error = %v, want ErrInUse", err)
	}
	connect(t, s.URL()) // the first is not disturbed
}

func TestOtherMajorIsRefusedAndUntouched(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pg")
	data := filepath.Join(dir, "9", "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"PG_VERSION": "9\n", "marker": "precious"} {
		if err := os.WriteFile(filepath.Join(data, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Settings: fast()})
	if !errors.Is(err, embedded.ErrWrongMajor) {
		t.Errorf("error = %v, want ErrWrongMajor", err)
	}
	if text, err := os.ReadFile(filepath.Join(data, "marker")); err != nil || string(text) != "precious" {
		t.Errorf("marker = %q, %v", text, err)
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(openDir(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Start(t.Context(), embedded.Config{Dir: filepath.Join(file, "pg")})
	if !errors.Is(err, embedded.ErrNotWritable) {
		t.Errorf("error = %v, want ErrNotWritable", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %v", err)
	}
}

func TestBadSettingIsOneSentence(t *testing.T) {
	t.Parallel()
	_, err := embedded.Start(t.Context(), embedded.Config{
		Dir: filepath.Join(openDir(t), "pg"), Settings: map[string]string{"fsync": "off", "shared_buffers": "much"},
	})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers"`) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error = %v, want PostgreSQL's own sentence in one line", err)
	}
}

func TestBinDirWithoutPostgres(t *testing.T) {
	t.Parallel()
	_, err := embedded.Start(t.Context(), embedded.Config{Dir: filepath.Join(openDir(t), "pg"), BinDir: openDir(t), AllowInstall: true})
	if !errors.Is(err, embedded.ErrNoBinaries) {
		t.Errorf("error = %v, want ErrNoBinaries: a named folder is not replaced by another", err)
	}
}
