package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// sealingKeys returns the configured keys, and after them the one kept in DATA_DIR; without either it makes and keeps one.
// Only the private database may do without a configured key.
func sealingKeys(cfg Config) ([]store.SealingKey, error) {
	file := filepath.Join(cfg.DataDir, keyFileName)
	text, err := os.ReadFile(file) //nolint:gosec // below the configured folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if len(cfg.EncryptionKeys) > 0 {
			return cfg.EncryptionKeys, nil
		}
		if hasPrivateDatabase(cfg) {
			return nil, fmt.Errorf("the encryption key %s is gone, and without it the private database's sealed data cannot be opened: restore the file or set ENCRYPTION_KEY", file)
		}
		raw := make([]byte, 32)
		if _, err := rand.Read(raw); err != nil {
			return nil, fmt.Errorf("make an encryption key: %w", err)
		}
		text = []byte(base64.StdEncoding.EncodeToString(raw) + "\n")
		if err := writeFile(file, text); err != nil {
			return nil, fmt.Errorf("keep the encryption key: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("read the encryption key: %w", err)
	}
	key, err := store.ParseSealingKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read the encryption key in %s: %w; restore the file, without it sealed data cannot be opened", file, err)
	}
	return append(cfg.EncryptionKeys[:len(cfg.EncryptionKeys):len(cfg.EncryptionKeys)], key), nil
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
