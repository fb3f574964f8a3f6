package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/switchboardhq/switchboard/store/embedded"
)

// helperDir tells a copy of this test program to be a server on that directory instead of running tests: a server must be a
// process of its own to be killed.
const helperDir = "EMBEDDED_TEST_DIR"

const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(beServer(dir))
	}
	goleak.VerifyTestMain(m)
}

// beServer runs a private database until a signal comes, then uses it once more before it stops it, as a draining server would.
func beServer(dir string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ctx := context.Background()
	s, err := embedded.Start(ctx, embedded.Config{Dir: dir, Settings: fast(), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(s.URL())
	select {
	case <-s.Done():
		fmt.Fprintln(os.Stderr, s.Err())
		return 3
	case <-signals:
	}
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		fmt.Fprintln(os.Stderr, "while draining:", err)
		return 4
	}
	if err := conn.Close(ctx); err != nil {
		return 5
	}
	if err := s.Stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 6
	}
	return 0
}

// fast makes clusters cheap. Killed processes lose nothing by it: what was written is with the kernel.
func fast() map[string]string {
	return map[string]string{"fsync": "off", "shared_buffers": "16MB", "max_wal_size": "256MB"}
}

// identity is a way to run: as an ordinary user, or as root in one of the ways root has.
type identity struct {
	name string
	dir  func(*testing.T) string   // a new directory for the database
	cred *syscall.Credential       // of the server, nil for our own
	exe  func(t *testing.T) string // this program, where that user can run it
}

// identities returns every way that this process can try: an ordinary user has one, root has three.
func identities() []identity {
	own := func(*testing.T) string { return os.Args[0] }
	if os.Geteuid() != 0 {
		return []identity{{name: "ordinary user", dir: func(t *testing.T) string { return filepath.Join(t.TempDir(), "pg") }, exe: own}}
	}
	return []identity{
		{name: "root with another account", dir: func(t *testing.T) string { return filepath.Join(openDir(t), "pg") }, exe: own},
		{name: "root in a user namespace", dir: func(t *testing.T) string { return filepath.Join(closedDir(t), "pg") }, exe: own},
		{name: "ordinary user", dir: nobodysDir, cred: nobody(), exe: copyForAll},
	}
}

func each(t *testing.T, test func(t *testing.T, who identity)) {
	t.Helper()
	for _, who := range identities() {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			test(t, who)
		})
	}
}

// openDir returns a directory that every account can pass through, which the one of t.TempDir is not.
func openDir(t *testing.T) string {
	t.Helper()
	dir := closedDir(t)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func closedDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "embedded-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A PostgreSQL whose program was killed still writes for a moment while it ends.
		eventually(t, "the folder of the test is removed", func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}

func nobody() *syscall.Credential {
	u, err := user.Lookup("nobody")
	if err != nil {
		panic(err) // every Linux has one
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func nobodysDir(t *testing.T) string {
	t.Helper()
	dir := openDir(t)
	if err := os.Chown(dir, int(nobody().Uid), int(nobody().Gid)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "pg")
}

// copyForAll puts this program where everybody can run it.
func copyForAll(t *testing.T) string {
	t.Helper()
	path := filepath.Join(openDir(t), "server")
	src, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close() //nolint:errcheck // only read
	dst, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a server in a process of its own.
type process struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	errs *strings.Builder
	url  string
}

// launch starts a server and does not wait for it.
func launch(t *testing.T, who identity, exe, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), exe), errs: &strings.Builder{}}
	p.cmd.Env = append(os.Environ(), helperDir+"="+dir)
	p.cmd.Dir = "/"
	p.cmd.Stderr = p.errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: who.cred}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.kill(t)
		}
	})
	return p
}

// serve starts a server and returns once its database answers.
func serve(t *testing.T, who identity, exe, dir string) *process {
	t.Helper()
	p := launch(t, who, exe, dir)
	line, err := p.out.ReadString('\n')
	if err != nil {
		_ = p.cmd.Wait() // its output tells more
		t.Fatalf("the server did not start: %v\n%s", err, p.errs)
	}
	p.url = strings.TrimSpace(line)
	return p
}

// kill ends the server as kill -9 does and waits for it.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // "signal: killed"
}

// interrupt sends Ctrl-C to the whole group, as a terminal does, and returns the exit code.
func (p *process) interrupt(t *testing.T) int {
	t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // the code is asked for below
	return p.cmd.ProcessState.ExitCode()
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be dead by now
	return conn
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ask() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not so after %s: %s", patience, what)
		}
	}
}
