package embedded

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The oldest major version the program's SQL works on.
const minimumMajor = 15

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)(?:\.(\d+))?\S*)`)

// binaries is a directory with postgres and initdb.
type binaries struct {
	dir     string
	version string
	major   int
	minor   int
}

// finder looks for binaries.
type finder struct {
	cfg Config
	log *slog.Logger
}

// find returns binaries of major version want, or of any usable one when want is 0.
func (f finder) find(ctx context.Context, want int) (binaries, error) {
	if f.cfg.BinDir != "" {
		return f.named(ctx, want)
	}
	all := f.candidates(ctx)
	if b, ok := pick(all, want); ok {
		return b, nil
	}
	err := missing(all, want)
	if !f.cfg.AllowInstall {
		return binaries{}, err
	}
	b, installErr := f.install(ctx, want)
	if installErr != nil {
		return binaries{}, fmt.Errorf("%w (%w)", err, installErr)
	}
	return b, nil
}

// named takes the configured directory and no other.
func (f finder) named(ctx context.Context, want int) (binaries, error) {
	b, err := inspect(ctx, f.cfg.BinDir)
	if err != nil {
		return binaries{}, fmt.Errorf("%w in PG_BIN_DIR: %w", ErrNoBinaries, err)
	}
	if _, ok := pick([]binaries{b}, want); !ok {
		return binaries{}, missing([]binaries{b}, want)
	}
	return b, nil
}

// candidates returns what is installed, in order of preference.
func (f finder) candidates(ctx context.Context) []binaries {
	var all []binaries
	if path, err := exec.LookPath("pg_config"); err == nil {
		if out, err := exec.CommandContext(ctx, path, "--bindir").Output(); err == nil { //nolint:gosec // found in PATH
			all = append(all, inspectAll(ctx, []string{strings.TrimSpace(string(out))})...)
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		filepath.Join(f.cacheDir(), "pg", "*", "bin"),
	} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			continue // only the cache's path could be a bad pattern, and then it holds nothing
		}
		found := inspectAll(ctx, dirs)
		slices.SortFunc(found, func(a, b binaries) int {
			return cmp.Or(cmp.Compare(b.major, a.major), cmp.Compare(b.minor, a.minor))
		})
		all = append(all, found...)
	}
	return all
}

func pick(all []binaries, want int) (binaries, bool) {
	i := slices.IndexFunc(all, func(b binaries) bool { return b.major >= minimumMajor && (want == 0 || b.major == want) })
	if i < 0 {
		return binaries{}, false
	}
	return all[i], true
}

// missing says why none of all will do.
func missing(all []binaries, want int) error {
	var found []string
	for _, b := range all {
		found = append(found, b.version+" in "+b.dir)
	}
	switch {
	case want != 0 && len(found) > 0:
		return fmt.Errorf("%w: the data is of PostgreSQL %d, the binaries found are %s; install PostgreSQL %d, name its binaries with PG_BIN_DIR, or choose another folder",
			ErrWrongMajor, want, strings.Join(found, " and "), want)
	case want != 0:
		return fmt.Errorf("%w, and the data needs %d: install PostgreSQL %d, name its binaries with PG_BIN_DIR, or set DATABASE_URL", ErrNoBinaries, want, want)
	case len(found) > 0:
		return fmt.Errorf("%w, only %s: install the package postgresql, name newer binaries with PG_BIN_DIR, or set DATABASE_URL", ErrNoBinaries, strings.Join(found, " and "))
	default:
		return fmt.Errorf("%w: install the package postgresql, name its binaries with PG_BIN_DIR, or set DATABASE_URL", ErrNoBinaries)
	}
}

func inspectAll(ctx context.Context, dirs []string) []binaries {
	var found []binaries
	for _, dir := range dirs {
		if b, err := inspect(ctx, dir); err == nil {
			found = append(found, b)
		}
	}
	return found
}

// inspect accepts a directory that holds both programs: a client-only installation has pg_config but neither.
func inspect(ctx context.Context, dir string) (binaries, error) {
	for _, name := range []string{"postgres", "initdb"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return binaries{}, fmt.Errorf("look for %s: %w", name, err)
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			return binaries{}, fmt.Errorf("%s in %s is not a program", name, dir)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output() //nolint:gosec // that is the purpose
	if err != nil {
		return binaries{}, fmt.Errorf("ask %s for its version: %w", dir, err)
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return binaries{}, fmt.Errorf("%s is not a PostgreSQL: it calls itself %.60q", dir, out)
	}
	major, err := strconv.Atoi(m[2])
	if err != nil {
		return binaries{}, fmt.Errorf("read the version of %s: %w", dir, err)
	}
	minor, _ := strconv.Atoi(m[3]) // absent in "19beta1": 0
	return binaries{dir: dir, version: m[1], major: major, minor: minor}, nil
}

// cacheDir is where fetched binaries are kept: for root in a place that other accounts can reach.
func (f finder) cacheDir() string {
	if f.cfg.CacheDir != "" {
		return f.cfg.CacheDir
	}
	if os.Geteuid() == 0 {
		return "/var/cache/switchboard"
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "switchboard")
	}
	return filepath.Join(f.cfg.Dir, "cache") // no home directory
}
