package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/switchboardhq/switchboard/store"
)

const keyFileName = "encryption.key"

// openDataDir makes DATA_DIR and proves that it can be written. When root makes it, other accounts may pass through (not look):
// PostgreSQL runs as one of them. Everything in it has modes of its own.
func openDataDir(dir string) error {
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	err := os.MkdirAll(dir, mode)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(dir, ".writable-*"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("DATA_DIR is %q: want a folder that can be written: %w", dir, err)
	}
	return nil
}

// sealingKeys returns the configured keys, and after them those kept in DATA_DIR; without either it makes and keeps one.
// Only the private database may do without a configured key.
func sealingKeys(cfg Config) ([]store.SealingKey, error) {
	file := keyFile(cfg)
	text, err := os.ReadFile(file) //nolint:gosec // below the configured folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if len(cfg.EncryptionKeys) > 0 {
			return cfg.EncryptionKeys, nil
		}
		if hasPrivateDatabase(cfg) {
			return nil, fmt.Errorf("the encryption key %s is gone, and without it the private database's sealed data cannot be opened: restore the file or set ENCRYPTION_KEY", file)
		}
		text = makeSealingKey()
		if err := writeFile(file, text); err != nil {
			return nil, fmt.Errorf("keep the encryption key: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("read the encryption key: %w", err)
	}
	keys := slices.Clone(cfg.EncryptionKeys)
	for line := range strings.FieldsSeq(string(text)) {
		key, err := store.ParseSealingKey(line)
		if err != nil {
			return nil, fmt.Errorf("read the encryption key in %s: %w; restore the file, without it sealed data cannot be opened", file, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == len(cfg.EncryptionKeys) {
		return nil, fmt.Errorf("read the encryption key in %s: it is empty; restore the file, without it sealed data cannot be opened", file)
	}
	return keys, nil
}

// keyFile holds the private database's own keys, one a line, newest first.
func keyFile(cfg Config) string { return filepath.Join(cfg.DataDir, keyFileName) }

// makeSealingKey makes a line for the key file.
func makeSealingKey() []byte {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return []byte(base64.StdEncoding.EncodeToString(raw) + "\n")
}

// newSealingKey puts another key before those of the private database. The next start seals with it.
func newSealingKey(cfg Config, stdout io.Writer) error {
	if cfg.DatabaseURL != "" || len(cfg.EncryptionKeys) > 0 {
		return errors.New("the encryption keys come from ENCRYPTION_KEY: make one with `openssl rand -base64 32`, put it first, followed by a comma and the present ones, restart every program, and run `server keys rotate`")
	}
	if err := openDataDir(cfg.DataDir); err != nil {
		return err
	}
	if _, err := sealingKeys(cfg); err != nil {
		return err
	}
	text, err := os.ReadFile(keyFile(cfg))
	if err != nil {
		return fmt.Errorf("read the encryption key: %w", err)
	}
	if err := writeFile(keyFile(cfg), append(makeSealingKey(), text...)); err != nil {
		return fmt.Errorf("keep the encryption key: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "A new key stands in %s before the older ones. Restart the program, which then seals with it, and run `server keys rotate`.\n", keyFile(cfg))
	return err
}

// dropOldKeys takes the keys out of the private database's key file that a complete rotation has made needless.
func dropOldKeys(cfg Config, p *printer) error {
	text, err := os.ReadFile(keyFile(cfg))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the encryption key: %w", err)
	}
	lines := strings.Fields(string(text))
	switch {
	case len(cfg.EncryptionKeys) > 0:
		p.line(keyFile(cfg) + " is not needed while ENCRYPTION_KEY is set, and can be removed.")
		return p.err
	case len(lines) < 2:
		return nil
	}
	if err := writeFile(keyFile(cfg), []byte(lines[0]+"\n")); err != nil {
		return fmt.Errorf("keep the encryption key: %w", err)
	}
	p.line("The older keys were removed from " + keyFile(cfg) + ".")
	return p.err
}

// writeFile writes a file that only its owner can read, whole or not at all, and on the disk when it returns.
func writeFile(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
