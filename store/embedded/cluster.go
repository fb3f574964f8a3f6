package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// cluster is a data directory together with what runs it.
type cluster struct {
	bin      binaries
	acc      account
	layout   layout
	data     string
	settings map[string]string
	log      *slog.Logger
}

// command prepares one of PostgreSQL's programs. Its name is the full path, by which it finds its siblings; its directory is one
// that every account can enter.
func (c cluster) command(ctx context.Context, death syscall.Signal, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin.dir, program), args...) //nolint:gosec // the directory was inspected
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"} //nolint:forbidigo // handed through, it decides nothing here
	cmd.SysProcAttr = c.acc.sysProcAttr(death)
	return cmd
}

// create makes the cluster unless it exists and returns the password of its role. A cluster is made beside its place and then
// renamed: what a killed initdb leaves is never taken for data.
func (c cluster) create(ctx context.Context) (string, error) {
	if exists(filepath.Join(c.data, "PG_VERSION")) {
		password, err := c.layout.readPassword()
		if err == nil && password == "" {
			password, err = c.resetPassword(ctx)
		}
		return password, err
	}
	next := c.data + ".new"
	if err := c.prepareEmpty(ctx, next); err != nil {
		return "", err
	}
	password, err := c.layout.writePassword()
	if err != nil {
		return "", err
	}
	if err := c.initdb(ctx, next, password); err != nil {
		return "", err
	}
	if err := os.Rename(next, c.data); err != nil {
		return "", fmt.Errorf("put the new private database in its place: %w", err)
	}
	return password, syncDir(filepath.Dir(c.data))
}

// prepareEmpty makes dir empty and the account's own.
func (c cluster) prepareEmpty(ctx context.Context, dir string) error {
	half := c
	half.data = dir
	if err := half.clearLeftovers(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear a half-made private database: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), dirMode()); err != nil {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return c.acc.own(dir)
}

func (c cluster) initdb(ctx context.Context, dir, password string) (err error) {
	// A pipe cannot be opened across the change of user, a file given to that user can.
	file, err := os.CreateTemp(c.layout.dir, ".initdb-*")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.WriteString(password + "\n")
	if err := errors.Join(err, file.Close(), c.acc.own(file.Name())); err != nil {
		return fmt.Errorf("hand over the password of the private database: %w", err)
	}
	locale := "C.UTF-8"
	if runtime.GOOS != "linux" {
		locale = "C"
	}
	args := []string{
		"-D", dir, "-U", role, "-E", "UTF8", "--locale=" + locale, "--lc-messages=C",
		"--data-checksums", "-A", "scram-sha-256", "--pwfile=" + file.Name(),
	}
	if c.settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	c.log.Info("making the private database", "dir", c.data, "version", c.bin.version)
	out, err := runLocked(c.command(ctx, syscall.SIGKILL, "initdb", args...))
	if err != nil {
		return fmt.Errorf("make the private database: %w: %s", c.explainStart(err), lastLine(out))
	}
	return nil
}

// resetPassword gives the role a new password when the file with the old one is lost, through PostgreSQL's single-user mode.
func (c cluster) resetPassword(ctx context.Context) (string, error) {
	if err := c.clearLeftovers(ctx); err != nil {
		return "", err
	}
	password, err := c.layout.writePassword()
	if err != nil {
		return "", err
	}
	cmd := c.command(ctx, syscall.SIGQUIT, "postgres", "--single", "-D", c.data, "-c", "log_min_error_statement=panic", "postgres")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("ALTER ROLE %s PASSWORD '%s';\n", role, password)) // letters and digits only
	c.log.Warn("the password file of the private database was lost, setting a new password", "file", c.layout.passwordFile())
	if out, err := runLocked(cmd); err != nil || strings.Contains(out, "ERROR:") {
		return "", errors.Join(fmt.Errorf("set a new password for the private database: %s", lastLine(out)), err, os.Remove(c.layout.passwordFile()))
	}
	return password, nil
}

// run starts postgres on the data directory. Its life is not bound to a context: Stop ends it.
func (c cluster) run() (*child, error) {
	logFile, size, err := c.layout.openLog()
	if err != nil {
		return nil, err
	}
	args := []string{"-D", c.data}
	for _, s := range c.allSettings() {
		args = append(args, "-c", s)
	}
	cmd := c.command(context.Background(), syscall.SIGINT, "postgres", args...) // SIGINT is PostgreSQL's fast shutdown
	cmd.Stdout, cmd.Stderr = logFile, logFile
	ch := &child{done: make(chan struct{}), log: c.layout.logFile(), logStart: size}
	err = startLocked(cmd, func(err error) {
		ch.exit = err
		close(ch.done)
	})
	if err := errors.Join(err, logFile.Close()); err != nil {
		return nil, fmt.Errorf("start the private database: %w", c.explainStart(err))
	}
	ch.process = cmd.Process
	return ch, nil
}

// explainStart tells root what to do where user namespaces are forbidden.
func (c cluster) explainStart(err error) error {
	forbidden := []error{syscall.EPERM, syscall.EINVAL, syscall.ENOSPC, syscall.ENOSYS, syscall.EUSERS}
	if c.acc.namespace && slices.ContainsFunc(forbidden, func(e error) bool { return errors.Is(err, e) }) {
		return fmt.Errorf("%w, no other user can reach %s, and user namespaces are forbidden here; choose another folder, start as another user, or set DATABASE_URL (%w)",
			ErrRoot, c.layout.dir, err)
	}
	return err
}

func syncDir(dir string) error {
	f, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
