package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestDataOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	data := "/etc" // root's, when this process is not
	if os.Geteuid() == 0 {
		data = filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(data, 54321, 54321); err != nil { // nobody has that number
			t.Fatal(err)
		}
	}
	if acc, err := chooseAccount(data, filepath.Dir(data), "/usr/bin"); !errors.Is(err, ErrOwner) {
		t.Errorf("chooseAccount = %v, %v; want ErrOwner", acc, err)
	}
}

func TestReachesLooksAtEveryFolderAbove(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	stranger := account{name: "stranger", uid: 54321, gid: 54321}
	inner := filepath.Join(base, "open")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if stranger.reaches(inner) { // t.TempDir's own parent is closed
		t.Errorf("a stranger reaches %s", inner)
	}
	if !stranger.reaches("/usr/bin") {
		t.Error("a stranger does not reach /usr/bin")
	}
	if owner := (account{uid: os.Geteuid(), gid: os.Getegid()}); !owner.reaches(inner) {
		t.Errorf("the owner does not reach %s", inner)
	}
	if stranger.reaches(filepath.Join(base, "absent")) {
		t.Error("a stranger reaches what is not there")
	}
}
