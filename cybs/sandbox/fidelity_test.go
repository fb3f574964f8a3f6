package sandbox

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// configFields lists all fields of Config by their path, those of its parts too.
func configFields() map[string]bool {
	fields := map[string]bool{}
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		f := config.Field(i)
		switch f.Type {
		case reflect.TypeFor[AuthConfig](), reflect.TypeFor[APIConfig](), reflect.TypeFor[HealthConfig](),
			reflect.TypeFor[DeliveryConfig](), reflect.TypeFor[OAuthConfig](), reflect.TypeFor[MLEConfig]():
			for j := range f.Type.NumField() {
				fields["Config."+f.Name+"."+f.Type.Field(j).Name] = true
			}
		default:
			fields["Config."+f.Name] = true
		}
	}
	return fields
}

// testNames lists the tests of the directories.
func testNames(t *testing.T, directories ...string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	pattern := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, dir := range directories {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range pattern.FindAllStringSubmatch(string(b), -1) {
				names[m[1]] = true
			}
		}
	}
	return names
}

func TestFidelityPageNamesWhatExists(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	tests := testNames(t, ".", "../../e2e/conformance")
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(page, -1) {
		if !tests[m[1]] {
			t.Errorf("the page names %s, which does not exist", m[1])
		}
	}
	fields := configFields()
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`(Config\\.[\\w.]+)`").FindAllStringSubmatch(page, -1) {
		named[m[1]] = true
		if !fields[m[1]] {
			t.Errorf("the page names %s, which does not exist", m[1])
		}
	}
	for field := range fields {
		if !named[field] {
			t.Errorf("the page leaves out %s", field)
		}
	}
	for line := range strings.Lines(page) {
		if cells := strings.Split(strings.TrimSpace(line), "|"); strings.HasPrefix(line, "| §") && strings.TrimSpace(cells[len(cells)-2]) == "" {
			t.Errorf("nothing shows %s", line)
		}
	}
}
