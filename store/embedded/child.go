package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// How long a child has to obey before it is killed. Killing is safe too, it only makes the next start replay the log.
const obeyWithin = 10 * time.Second

// child is a running postgres.
type child struct {
	process  *os.Process
	done     chan struct{}
	exit     error // set before done is closed
	log      string
	logStart int64
}

// startLocked starts cmd and calls ended with the outcome. Start and Wait share one thread of their own: the kernel sends the
// death signal when the thread that forked ends, not the process (golang/go#27505), so that thread must live as long as the child.
func startLocked(cmd *exec.Cmd, ended func(error)) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		err := cmd.Start()
		started <- err
		if err == nil {
			ended(cmd.Wait())
		}
	}()
	return <-started
}

// runLocked runs cmd to its end and returns what it wrote.
func runLocked(cmd *exec.Cmd) (string, error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	ended := make(chan error, 1)
	if err := startLocked(cmd, func(err error) { ended <- err }); err != nil {
		return "", err
	}
	err := <-ended
	return out.String(), err
}

func (c *child) signal(sig syscall.Signal) {
	if err := c.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		// There is nobody to tell: the caller waits for the end and goes on to harder signals.
		return
	}
}

// stop sends sig and waits for the end, killing when it does not come.
func (c *child) stop(sig syscall.Signal) {
	c.signal(sig)
	t := time.NewTimer(obeyWithin)
	defer t.Stop()
	select {
	case <-c.done:
		return
	case <-t.C:
		c.signal(syscall.SIGKILL)
		<-c.done
	}
}

// state tells how the child ended. It may be called once done is closed.
func (c *child) state() string {
	if c.exit == nil {
		return "exit status 0"
	}
	return c.exit.Error()
}

// output returns what this child wrote to the log, at most the last 64 KiB of it.
func (c *child) output() string {
	const limit = 64 << 10
	f, err := os.Open(c.log)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(c.logStart, info.Size()-limit)
	text, err := io.ReadAll(io.NewSectionReader(f, from, limit))
	if err != nil {
		return ""
	}
	return string(text)
}

// lastWords returns the line that most likely tells why the child ended.
func (c *child) lastWords() string {
	lines := strings.Split(strings.TrimSpace(c.output()), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		for _, level := range []string{"FATAL: ", "PANIC: ", "postgres: "} {
			if _, words, ok := strings.Cut(lines[i], level); ok {
				return strings.TrimSpace(words)
			}
		}
	}
	return fmt.Sprintf("%q", lines[len(lines)-1])
}
