package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom PostgreSQL runs as.
type account struct {
	name     string
	uid, gid int
	// self: this process is not root and the child is the same user.
	self bool
	// namespace: the child is uid only inside a user namespace of its own; outside it stays root, and so do its files.
	namespace bool
}

// String names the account for the log.
func (a account) String() string {
	if a.namespace {
		return a.name + " in a user namespace"
	}
	return a.name
}

// fileUID is the owner that files have which the account makes.
func (a account) fileUID() int {
	if a.namespace {
		return 0
	}
	return a.uid
}

// own gives a file or directory to the account.
func (a account) own(path string) error {
	if a.self {
		return nil
	}
	uid, gid := a.uid, a.gid
	if a.namespace {
		uid, gid = 0, 0
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return fmt.Errorf("give %s to user %s: %w", path, a.name, err)
	}
	return nil
}

// chooseAccount decides whom to run as. Existing data decides first, by its owner. Otherwise root takes postgres or nobody where
// they can reach the directories, and else a user namespace, which works below a closed home directory too.
func chooseAccount(data, dir, binDir string) (account, error) {
	owner := -1
	if info, err := os.Stat(data); err == nil {
		owner = ownerOf(info)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return account{}, fmt.Errorf("%w: %w; start as its owner or choose another folder", ErrOwner, err)
	}
	me := os.Geteuid()
	if me != 0 {
		if owner >= 0 && owner != me {
			return account{}, fmt.Errorf("%w: %s is %s's; start as that user or choose another folder", ErrOwner, data, nameOf(owner))
		}
		return account{name: nameOf(me), uid: me, gid: os.Getegid(), self: true}, nil
	}
	if owner > 0 {
		return accountOfOwner(owner, data, binDir)
	}
	if owner < 0 {
		for _, name := range []string{"postgres", "nobody"} {
			acc, err := lookup(name)
			if err == nil && acc.uid != 0 && acc.reaches(dir) && acc.reaches(binDir) {
				return acc, nil
			}
		}
	}
	return namespaceAccount(dir)
}

// accountOfOwner acts for the owner of existing data.
func accountOfOwner(uid int, data, binDir string) (account, error) {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return account{}, fmt.Errorf("%w: %s has owner %d, who has no account on this machine; give it to user postgres with chown", ErrOwner, data, uid)
	}
	acc, err := accountOf(u)
	if err != nil {
		return account{}, err
	}
	for _, dir := range []string{data, binDir} {
		if !acc.reaches(dir) {
			return account{}, fmt.Errorf("%w: its owner %s cannot reach %s; allow passing through the folders above it (chmod o+x)", ErrOwner, acc.name, dir)
		}
	}
	return acc, nil
}

// namespaceAccount is for root without another user's help.
func namespaceAccount(dir string) (account, error) {
	if !namespaces {
		return account{}, fmt.Errorf("%w and no other user can reach %s; start as another user, choose another folder, or set DATABASE_URL", ErrRoot, dir)
	}
	acc, err := lookup("nobody") // initdb wants a passwd entry for whom it runs as
	if err != nil || acc.uid == 0 {
		return account{}, fmt.Errorf("%w and this machine has neither user postgres nor nobody; start as another user or set DATABASE_URL", ErrRoot)
	}
	acc.namespace = true
	return acc, nil
}

func lookup(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, fmt.Errorf("look up user %s: %w", name, err)
	}
	return accountOf(u)
}

func accountOf(u *user.User) (account, error) {
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return account{}, fmt.Errorf("look up user %s: %w", u.Username, err)
	}
	return account{name: u.Username, uid: uid, gid: gid}, nil
}

func nameOf(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return "user " + strconv.Itoa(uid)
	}
	return u.Username
}

// reaches tells whether the account may pass through path and every directory above it.
func (a account) reaches(path string) bool {
	for {
		info, err := os.Stat(path)
		if err != nil {
			return false
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		bit := fs.FileMode(0o001)
		switch {
		case int(st.Uid) == a.uid:
			bit = 0o100
		case int(st.Gid) == a.gid:
			bit = 0o010
		}
		if info.Mode().Perm()&bit == 0 {
			return false
		}
		parent := filepath.Dir(path)
		if parent == path {
			return true
		}
		path = parent
	}
}
