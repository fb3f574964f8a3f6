package deployments

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/switchboardhq/switchboard/store/storetest"
)

// binary is the server under test, built once.
var binary string //nolint:gochecknoglobals // set once by TestMain, before any test runs

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "switchboard-deployments-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a folder for the server under test:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder left in the temporary one harms nobody
	binary = filepath.Join(dir, "server")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", binary, "../../cmd/server")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the server under test:", err)
		return 1
	}
	return storetest.Run(m)
}
