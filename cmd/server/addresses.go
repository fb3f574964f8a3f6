package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const addressesFileName = "addresses.json"

// addresses are where the doors listen. Other programs, tests among them, read them from DATA_DIR.
type addresses struct {
	Console  string `json:"console"`
	Receiver string `json:"receiver"`
	Sandbox  string `json:"sandbox,omitempty"`
	Ops      string `json:"ops"`
}

// write keeps them in dir until remove.
func (a addresses) write(dir string) error {
	content, err := json.Marshal(a)
	if err == nil {
		err = writeFile(filepath.Join(dir, addressesFileName), append(content, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write down the addresses: %w", err)
	}
	return nil
}

// removeAddresses takes the file away, if it is there.
func removeAddresses(dir string) error {
	if err := os.Remove(filepath.Join(dir, addressesFileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the addresses: %w", err)
	}
	return nil
}

// readAddresses returns those of the running program, or zero ones.
func readAddresses(dir string) (addresses, error) {
	var a addresses
	content, err := os.ReadFile(filepath.Join(dir, addressesFileName)) //nolint:gosec // below the configured folder
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &a)
	}
	if err != nil {
		return a, fmt.Errorf("read the addresses: %w", err)
	}
	return a, nil
}
