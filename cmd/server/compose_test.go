package main

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What the compose file decides by itself, and what makes no sense beside a Postgres of its own.
func composeLeavesOut() []string {
	return []string{"SANDBOX_ADDR", "SANDBOX_CREDENTIALS", "PG_BIN_DIR", "PG_INSTALL"}
}

func TestComposeListsEveryVariable(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(content)) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && strings.HasPrefix(line, "      ") {
			listed = append(listed, name)
		}
	}
	for field := range fields(reflect.TypeFor[settings]()) {
		variable := field.Tag.Get("variable")
		if variable == "" || slices.Contains(composeLeavesOut(), variable) {
			continue
		}
		if !slices.Contains(listed, variable) && !slices.Contains(listed, variable+"_FILE") {
			t.Errorf("docker-compose.yml does not list %s", variable)
		}
	}
	if !strings.Contains(string(content), `OPS_ADDR: ":8083"`) {
		t.Error("the operations listener cannot be reached from outside its container")
	}
}
