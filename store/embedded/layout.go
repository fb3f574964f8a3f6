package embedded

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

const (
	socketPort     = 5432 // only a part of the socket's name
	maxLogBytes    = 16 << 20
	linuxPathLimit = 107
	otherPathLimit = 103
)

// layout knows where things are below the directory.
type layout struct {
	dir   string // absolute
	short string // the socket's directory when dir's path is too long for one
}

// newLayout makes the directory when it is absent and proves that it can be written.
func newLayout(dir string) (layout, error) {
	if dir == "" {
		return layout{}, errors.New("embedded: Config.Dir is empty")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, fmt.Errorf("find the folder of the private database: %w", err)
	}
	if err := os.MkdirAll(abs, dirMode()); err != nil {
		return layout{}, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil { // /proc shows resolved paths
		return layout{}, fmt.Errorf("find the folder of the private database: %w", err)
	}
	probe, err := os.CreateTemp(abs, ".writable-*")
	if err != nil {
		return layout{}, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return layout{}, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	l := layout{dir: abs}
	if !socketFits(filepath.Join(abs, "run")) {
		sum := sha256.Sum256([]byte(abs))
		l.short = filepath.Join(os.TempDir(), "switchboard-"+hex.EncodeToString(sum[:8]))
	}
	return l, nil
}

// dirMode lets the account that root runs PostgreSQL as pass through; what is below has modes of its own.
func dirMode() fs.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

// socketFits tells whether a socket in dir has a path short enough for the kernel and free of what address lists divide at.
func socketFits(dir string) bool {
	limit := otherPathLimit
	if runtime.GOOS == "linux" {
		limit = linuxPathLimit
	}
	name := fmt.Sprintf("/.s.PGSQL.%d.lock", socketPort) // the longer of the two names made there
	return len(dir)+len(name) <= limit && !strings.ContainsAny(dir, `,"`)
}

func (l layout) data(major int) string { return filepath.Join(l.dir, strconv.Itoa(major), "data") }
func (l layout) logFile() string       { return filepath.Join(l.dir, "postgres.log") }
func (l layout) passwordFile() string  { return filepath.Join(l.dir, "password") }

func (l layout) socketDir() string {
	if l.short != "" {
		return l.short
	}
	return filepath.Join(l.dir, "run")
}

// acquire takes the lock that keeps a second server away. The kernel releases it when this process ends, however it ends.
func (l layout) acquire() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(l.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		closeErr := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("%w in %s; stop it or choose another folder", ErrInUse, l.dir), closeErr)
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", l.dir, err), closeErr)
	}
	return f, nil
}

// existingMajor returns the newest major version with a cluster here, or 0.
func (l layout) existingMajor() (int, error) {
	files, err := filepath.Glob(filepath.Join(l.dir, "*", "data", "PG_VERSION"))
	if err != nil {
		return 0, fmt.Errorf("look for data in %s: %w", l.dir, err)
	}
	newest := 0
	for _, file := range files {
		dir := filepath.Dir(filepath.Dir(file))
		major, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue // not a directory of ours
		}
		text, err := os.ReadFile(filepath.Clean(file))
		if errors.Is(err, fs.ErrPermission) {
			return 0, fmt.Errorf("%w: %w; start as its owner or choose another folder", ErrOwner, err)
		}
		if err != nil {
			return 0, fmt.Errorf("read the version of %s: %w", dir, err)
		}
		if got := strings.TrimSpace(string(text)); got != strconv.Itoa(major) {
			return 0, fmt.Errorf("%w: %s says it is of version %q, its folder says %d", ErrWrongMajor, file, got, major)
		}
		newest = max(newest, major)
	}
	return newest, nil
}

// readPassword returns the role's password, or "" when there is none yet.
func (l layout) readPassword() (string, error) {
	text, err := os.ReadFile(l.passwordFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the password of the private database: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// writePassword makes a password and keeps it, whole or not at all.
func (l layout) writePassword() (string, error) {
	password := rand.Text()
	next := l.passwordFile() + ".new"
	if err := os.WriteFile(next, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the password of the private database: %w", err)
	}
	if err := os.Rename(next, l.passwordFile()); err != nil {
		return "", fmt.Errorf("keep the password of the private database: %w", err)
	}
	return password, nil
}

// prepareSocketDir makes the directory of the socket, which only acc (and root) can enter.
func (l layout) prepareSocketDir(acc account) error {
	dir := l.socketDir()
	if err := os.Mkdir(dir, 0o700); err == nil {
		return acc.own(dir)
	} else if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the folder of the private database's socket: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the folder of the private database's socket: %w", err)
	}
	if l.short == "" {
		return acc.own(dir) // below our own directory
	}
	// The name in the shared temporary directory can be guessed: take what is there only if nobody else made it.
	if !info.IsDir() || info.Mode().Perm() != 0o700 || (ownerOf(info) != acc.fileUID() && ownerOf(info) != os.Geteuid()) {
		return fmt.Errorf("the folder %s is needed for the private database's socket, but somebody else's; remove it or choose a shorter data folder", dir)
	}
	return acc.own(dir)
}

// removeSocketDir clears the shared temporary directory; below our own directory there is nothing to clear.
func (l layout) removeSocketDir() error {
	if l.short == "" {
		return nil
	}
	if err := os.RemoveAll(l.short); err != nil {
		return fmt.Errorf("remove the folder of the private database's socket: %w", err)
	}
	return nil
}

// openLog opens the log for appending and returns its length. An overlong one is put aside first.
func (l layout) openLog() (*os.File, int64, error) {
	path := l.logFile()
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("put the private database's log aside: %w", err)
		}
	}
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the private database's log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("look at the private database's log: %w", err), f.Close())
	}
	return f, info.Size(), nil
}

func ownerOf(info fs.FileInfo) int {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(st.Uid)
}
