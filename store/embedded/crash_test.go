package embedded_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/switchboardhq/switchboard/store/embedded"
)

// load writes numbers one by one until its connection dies and returns those that were acknowledged.
func load(t *testing.T, url string) (acknowledged func() []int, enough <-chan struct{}) {
	t.Helper()
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS numbers (n bigint PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	var first int
	if err := conn.QueryRow(t.Context(), "SELECT coalesce(max(n), 0) + 1 FROM numbers").Scan(&first); err != nil {
		t.Fatal(err)
	}
	var numbers []int
	done, some := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := first; ; n++ {
			if _, err := conn.Exec(context.Background(), "INSERT INTO numbers VALUES ($1)", n); err != nil {
				return
			}
			if numbers = append(numbers, n); len(numbers) == 200 {
				close(some)
			}
		}
	}()
	return func() []int { <-done; return numbers }, some
}

// requireAll fails unless every number is in the database.
func requireAll(t *testing.T, url string, numbers []int) {
	t.Helper()
	conn := connect(t, url)
	rows, _ := conn.Query(t.Context(), "SELECT n FROM unnest($1::bigint[]) n EXCEPT SELECT n FROM numbers", numbers)
	lost, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) > 0 {
		t.Errorf("%d of %d acknowledged rows are lost: %v", len(lost), len(numbers), lost)
	}
}

// postmaster returns the process id of the PostgreSQL below dir, or 0.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "data", "postmaster.pid"))
	if err != nil || len(files) == 0 {
		return 0
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return 0 // removed in between
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0 // not written yet
	}
	return pid
}

func TestKilledServer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, who identity) {
		dir, exe := who.dir(t), who.exe(t)
		p := serve(t, who, exe, dir)
		acknowledged, enough := load(t, p.url)
		<-enough
		p.kill(t)
		numbers := acknowledged()
		eventually(t, "PostgreSQL ends by itself and removes its lock file", func() bool { return postmaster(t, dir) == 0 })

		again := serve(t, who, exe, dir)
		requireAll(t, again.url, numbers)
		if code := again.interrupt(t); code != 0 {
			t.Errorf("exit code after Ctrl-C = %d, want 0\n%s", code, again.errs)
		}
	})
}

func TestKilledServerRestartsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, who identity) {
		dir, exe := who.dir(t), who.exe(t)
		var all []int
		p := serve(t, who, exe, dir)
		for range 3 {
			acknowledged, enough := load(t, p.url)
			<-enough
			p.kill(t)
			p = serve(t, who, exe, dir)
			all = append(all, acknowledged()...)
			requireAll(t, p.url, all)
		}
	})
}

func TestKilledServerAndPostmaster(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, who identity) {
		dir, exe := who.dir(t), who.exe(t)
		p := serve(t, who, exe, dir)
		acknowledged, enough := load(t, p.url)
		<-enough
		pid := postmaster(t, dir)
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Wait() // "signal: killed"

		again := serve(t, who, exe, dir)
		requireAll(t, again.url, acknowledged())
	})
}

func TestKilledPostmasterIsStartedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, who identity) {
		dir := who.dir(t)
		p := serve(t, who, who.exe(t), dir)
		var all []int
		for range 2 {
			acknowledged, enough := load(t, p.url)
			<-enough
			killed := postmaster(t, dir)
			if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			all = append(all, acknowledged()...)
			eventually(t, "PostgreSQL answers again", func() bool {
				conn, err := pgx.Connect(t.Context(), p.url)
				if err != nil {
					return false
				}
				defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }() // it answered, which is all that is asked
				pid := postmaster(t, dir)
				return pid != 0 && pid != killed
			})
			requireAll(t, p.url, all)
		}
		if code := p.interrupt(t); code != 0 {
			t.Errorf("exit code after Ctrl-C = %d, want 0\n%s", code, p.errs)
		}
		if pid := postmaster(t, dir); pid != 0 {
			t.Errorf("PostgreSQL %d was left behind", pid)
		}
	})
}

// A configuration that cannot be read stands for whatever keeps PostgreSQL from starting for a while, such as a full disk.
func TestPostmasterThatCannotStartIsTriedUntilItCan(t *testing.T) {
	t.Parallel()
	for _, heals := range []bool{true, false} {
		t.Run(map[bool]string{true: "and then can", false: "until it is stopped"}[heals], func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := start(t, embedded.Config{Dir: dir})
			files, err := filepath.Glob(filepath.Join(dir, "*", "data", "postgresql.auto.conf"))
			if err != nil || len(files) != 1 {
				t.Fatalf("configuration: %v, %v", files, err)
			}
			good, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], []byte("no such setting\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			pid := postmaster(t, dir)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a start that fails", func() bool {
				log, err := os.ReadFile(s.LogFile())
				return err == nil && strings.Contains(string(log), "contains errors")
			})
			if !heals {
				stop(t, s)
				if err := s.Err(); err != nil {
					t.Errorf("after Stop: %v, want nil", err)
				}
				return
			}
			if err := os.WriteFile(files[0], good, 0o600); err != nil {
				t.Fatal(err)
			}
			eventually(t, "PostgreSQL answers again", func() bool {
				conn, err := pgx.Connect(t.Context(), s.URL())
				return err == nil && conn.Close(t.Context()) == nil
			})
		})
	}
}

func TestInterruptedGroupDrainsFirst(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, who identity) {
		dir := who.dir(t)
		p := serve(t, who, who.exe(t), dir)
		if code := p.interrupt(t); code != 0 {
			t.Errorf("exit code after Ctrl-C to the whole group = %d, want 0: the database must outlive the draining\n%s", code, p.errs)
		}
		if pid := postmaster(t, dir); pid != 0 {
			t.Errorf("PostgreSQL %d was left behind", pid)
		}
	})
}

func TestKilledInitdbLeavesNoHalfCluster(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, who identity) {
		dir, exe := who.dir(t), who.exe(t)
		p := launch(t, who, exe, dir)
		half := filepath.Join(dir, "*", "data.new", "*")
		eventually(t, "initdb has begun", func() bool { begun, _ := filepath.Glob(half); return len(begun) > 0 })
		p.kill(t)
		serve(t, who, exe, dir)
		if left, _ := filepath.Glob(half); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestLockFileOfAnotherProgramsProcess(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, who identity) {
		dir, exe := who.dir(t), who.exe(t)
		p := serve(t, who, exe, dir)
		files, err := filepath.Glob(filepath.Join(dir, "*", "data", "postmaster.pid"))
		if err != nil || len(files) != 1 {
			t.Fatalf("lock files: %v, %v", files, err)
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if code := p.interrupt(t); code != 0 {
			t.Fatalf("exit code = %d\n%s", code, p.errs)
		}
		// After a crash of the machine the number may belong to anything, here to a program of the same user.
		other := launch(t, who, exe, filepath.Join(who.dir(t)))
		_, rest, _ := strings.Cut(string(text), "\n")
		if err := os.WriteFile(files[0], []byte(strconv.Itoa(other.cmd.Process.Pid)+"\n"+rest), 0o600); err != nil {
			t.Fatal(err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			t.Fatal("no owner")
		}
		if err := os.Chown(files[0], int(st.Uid), int(st.Gid)); err != nil {
			t.Fatal(err)
		}
		serve(t, who, exe, dir)
	})
}
