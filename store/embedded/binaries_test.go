package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeBinaries makes a directory with programs that only tell a version, as PostgreSQL's do.
func fakeBinaries(t *testing.T, dir, version string, names ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text := fmt.Sprintf("#!/bin/sh\necho '%s (PostgreSQL) %s'\n", name, version)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestInspectReadsVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]binaries{
		"15.18 (Debian 15.18-0+deb12u1)": {version: "15.18", major: 15, minor: 18},
		"18.4":                           {version: "18.4", major: 18, minor: 4},
		"9.6.24":                         {version: "9.6.24", major: 9, minor: 6},
		"19beta1":                        {version: "19beta1", major: 19},
	} {
		want.dir = fakeBinaries(t, t.TempDir(), version, "postgres", "initdb")
		got, err := inspect(t.Context(), want.dir)
		if err != nil || got != want {
			t.Errorf("inspect(%q) = %+v, %v; want %+v", version, got, err, want)
		}
	}
}

func TestInspectRefusesWhatCannotServe(t *testing.T) {
	t.Parallel()
	clientOnly := fakeBinaries(t, t.TempDir(), "16.1", "psql", "pg_config")
	withoutInitdb := fakeBinaries(t, t.TempDir(), "16.1", "postgres")
	another := t.TempDir()
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(another, name), []byte("#!/bin/sh\necho hello\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	notExecutable := fakeBinaries(t, t.TempDir(), "16.1", "postgres", "initdb")
	if err := os.Chmod(filepath.Join(notExecutable, "postgres"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"client only": clientOnly, "no initdb": withoutInitdb, "another program": another, "not executable": notExecutable, "absent": "/does/not/exist",
	} {
		if b, err := inspect(t.Context(), dir); err == nil {
			t.Errorf("%s: inspect = %+v, want an error", name, b)
		}
	}
}

func TestNewestInTheCacheIsByNumber(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	for _, version := range []string{"9.6", "16.3", "15.20", "16.12"} {
		fakeBinaries(t, filepath.Join(cache, "pg", version, "bin"), version, "postgres", "initdb")
	}
	all := finder{cfg: Config{CacheDir: cache}, log: slog.New(slog.DiscardHandler)}.candidates(t.Context())
	var ours []string
	for _, b := range all {
		if strings.HasPrefix(b.dir, cache) {
			ours = append(ours, b.version)
		}
	}
	if got, want := strings.Join(ours, " "), "16.12 16.3 15.20 9.6"; got != want {
		t.Errorf("order = %s, want %s", got, want)
	}
}

func TestPickTakesTheMajorOfTheData(t *testing.T) {
	t.Parallel()
	all := []binaries{{version: "14.1", major: 14}, {version: "18.4", major: 18}, {version: "15.18", major: 15}}
	for want, version := range map[int]string{0: "18.4", 15: "15.18", 18: "18.4"} {
		if b, ok := pick(all, want); !ok || b.version != version {
			t.Errorf("pick(%d) = %s, %t; want %s", want, b.version, ok, version)
		}
	}
	for _, want := range []int{14, 16} {
		if b, ok := pick(all, want); ok {
			t.Errorf("pick(%d) = %s, want none", want, b.version)
		}
	}
}

func TestMissingBinariesAreOneSentenceWithThreeWaysOut(t *testing.T) {
	t.Parallel()
	old := []binaries{{dir: "/old", version: "13.1", major: 13}}
	for name, test := range map[string]struct {
		err  error
		is   error
		says []string
	}{
		"nothing":       {missing(nil, 0), ErrNoBinaries, []string{"install", "PG_BIN_DIR", "DATABASE_URL"}},
		"too old":       {missing(old, 0), ErrNoBinaries, []string{"13.1 in /old", "PG_BIN_DIR", "DATABASE_URL"}},
		"other major":   {missing(old, 16), ErrWrongMajor, []string{"PostgreSQL 16", "13.1 in /old", "PG_BIN_DIR"}},
		"data, nothing": {missing(nil, 16), ErrNoBinaries, []string{"PostgreSQL 16", "PG_BIN_DIR", "DATABASE_URL"}},
	} {
		if !errors.Is(test.err, test.is) {
			t.Errorf("%s: error %v is not %v", name, test.err, test.is)
		}
		for _, want := range test.says {
			if !strings.Contains(test.err.Error(), want) || strings.Contains(test.err.Error(), "\n") {
				t.Errorf("%s: error %q does not say %q in one line", name, test.err, want)
			}
		}
	}
}

func TestNewestPackageOfTheDistribution(t *testing.T) {
	t.Parallel()
	offered := []byte("postgresql-9.6 - old\npostgresql-15 - The World's Most Advanced Open Source Relational Database\npostgresql-17 - newer\npostgresql-14 - too old\n")
	for want, name := range map[int]string{0: "postgresql-17", 15: "postgresql-15"} {
		if got, err := newestPackage(offered, want); err != nil || got != name {
			t.Errorf("newestPackage(%d) = %q, %v; want %s", want, got, err, name)
		}
	}
	for _, want := range []int{14, 16} {
		if got, err := newestPackage(offered, want); err == nil {
			t.Errorf("newestPackage(%d) = %q, want an error", want, got)
		}
	}
}
