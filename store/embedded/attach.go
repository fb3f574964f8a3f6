package embedded

import (
	"errors"
	"fmt"
	"os"
)

// RunningURL returns the address of the private PostgreSQL that another process runs in dir, and whether one does. It starts nothing.
func RunningURL(dir string) (address string, running bool, err error) {
	if _, err := os.Stat(dir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return "", false, nil
		}
		return "", false, fmt.Errorf("look for the private database: %w", err)
	}
	lay, err := newLayout(dir)
	if err != nil {
		return "", false, err
	}
	lock, err := lay.acquire()
	if err == nil {
		return "", false, lock.Close()
	}
	if !errors.Is(err, ErrInUse) {
		return "", false, err
	}
	s := &Server{layout: lay}
	if s.password, err = lay.readPassword(); err != nil {
		return "", false, err
	}
	return s.URL(), true, nil
}
