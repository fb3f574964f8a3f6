package embedded

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// The unpacked package has 59 MB; what is far larger is not that package.
const maxUnpackedBytes = 256 << 20

// checkSum compares a file with its pin.
func checkSum(file, want string) error {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return fmt.Errorf("open the fetched package: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read the fetched package: %w", err)
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("the fetched package is not the pinned one: its SHA-512 is %s, the pin %s", got, want)
	}
	return nil
}

// unpack writes the package's native/ directory below dir. Nothing can be written outside dir.
func unpack(tarball, dir string) (err error) {
	f, err := os.Open(filepath.Clean(tarball))
	if err != nil {
		return fmt.Errorf("open the fetched package: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack the fetched package: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack the fetched package: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	limited := &io.LimitedReader{R: zipped, N: maxUnpackedBytes}
	entries := tar.NewReader(limited)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if limited.N == 0 {
			return errors.New("unpack the fetched package: it is too large")
		}
		if err != nil {
			return fmt.Errorf("unpack the fetched package: %w", err)
		}
		name, inside := strings.CutPrefix(header.Name, "package/")
		if !inside || !strings.HasPrefix(name, "native/") || header.Typeflag != tar.TypeReg {
			continue
		}
		if err := writeEntry(root, name, header, entries); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
	return link(root)
}

func writeEntry(root *os.Root, name string, header *tar.Header, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if header.FileInfo().Mode()&0o111 != 0 {
		mode = 0o755
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// link makes the symbolic links that npm's format cannot carry, by the package's own list.
func link(root *os.Root) error {
	text, err := root.ReadFile("native/pg-symlinks.json")
	if err != nil {
		return fmt.Errorf("read the package's list of links: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("read the package's list of links: %w", err)
	}
	for _, l := range links {
		source, err := filepath.Rel(path.Dir(l.Target), l.Source)
		if err != nil {
			return fmt.Errorf("link %s: %w", l.Target, err)
		}
		if _, err := root.Lstat(l.Target); err == nil {
			continue // came as a copy
		}
		if err := root.Symlink(source, l.Target); err != nil {
			return fmt.Errorf("link %s: %w", l.Target, err)
		}
	}
	return nil
}
