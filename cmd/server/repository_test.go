package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// These tests hold files of the repository together that no compiler compares.

const (
	root   = "../.."
	module = "github.com/switchboardhq/switchboard"
)

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// variables are those the program knows.
func variables() []string {
	var names []string
	for field := range fields(reflect.TypeFor[settings]()) {
		names = append(names, field.Tag.Get("variable"))
	}
	return names
}

// composeFile is what the tests look at in docker-compose.yml. Anything else in it must be declared here too.
type composeFile struct {
	Name     string                    `yaml:"name"`
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
}

type composeService struct {
	Build       string            `yaml:"build"`
	Image       string            `yaml:"image"`
	Init        bool              `yaml:"init"`
	User        string            `yaml:"user"`
	Restart     string            `yaml:"restart"`
	ReadOnly    bool              `yaml:"read_only"`
	Tmpfs       []string          `yaml:"tmpfs"`
	CapDrop     []string          `yaml:"cap_drop"`
	SecurityOpt []string          `yaml:"security_opt"`
	ShmSize     string            `yaml:"shm_size"`
	StopGrace   string            `yaml:"stop_grace_period"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test        []string `yaml:"test"`
		Interval    string   `yaml:"interval"`
		Timeout     string   `yaml:"timeout"`
		Retries     int      `yaml:"retries"`
		StartPeriod string   `yaml:"start_period"`
	} `yaml:"healthcheck"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "docker-compose.yml")))
	decoder.KnownFields(true)
	var file composeFile
	if err := decoder.Decode(&file); err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return file
}

func TestComposeFileUsesVariablesOfTheProgram(t *testing.T) {
	t.Parallel()
	server, ok := readCompose(t).Services["server"]
	if !ok {
		t.Fatal("there is no service server")
	}
	for name := range server.Environment {
		if !slices.Contains(variables(), name) {
			t.Errorf("the program knows no variable %s", name)
		}
	}
}

var interpolation = regexp.MustCompile(`\$\{(\w+)(:?[-?])?([^}]*)\}`)

func TestComposeFileWithItsVariablesIsAConfigurationThatLoads(t *testing.T) {
	t.Parallel()
	given := map[string]string{
		"POSTGRES_PASSWORD": "abc123", "ENCRYPTION_KEY": strings.Repeat("A", 43) + "=", "ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "a long enough one",
	}
	e := env{}
	for name, value := range readCompose(t).Services["server"].Environment {
		e[name] = interpolation.ReplaceAllStringFunc(value, func(text string) string {
			m := interpolation.FindStringSubmatch(text)
			if v, ok := given[m[1]]; ok {
				return v
			}
			if m[2] == ":?" {
				t.Errorf("%s is required, but not said to be set at the top of the file", m[1])
			}
			return m[3]
		})
	}
	cfg := mustLoad(t, nil, e)
	if cfg.DatabaseURL == "" || len(cfg.EncryptionKeys) != 1 {
		t.Errorf("the configuration has no database or no key: %+v", cfg)
	}
}

func TestComposeFileHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for name, service := range readCompose(t).Services {
		for variable, value := range service.Environment {
			if !regexp.MustCompile(`PASSWORD|KEY|SECRET`).MatchString(variable) || variable == "RECEIVER_TLS_KEY" { // which names a file
				continue
			}
			if m := interpolation.FindStringSubmatch(value); m == nil || m[0] != value || m[2] != ":?" {
				t.Errorf("%s of %s is %q, want a required variable ${…:?…}", variable, name, value)
			}
		}
		if url := service.Environment["DATABASE_URL"]; url != "" && !strings.Contains(url, "${POSTGRES_PASSWORD:?") {
			t.Errorf("DATABASE_URL of %s does not take its password from outside", name)
		}
	}
}

func TestComposeServicesAreGuarded(t *testing.T) {
	t.Parallel()
	file := readCompose(t)
	for name, service := range file.Services {
		if service.User == "" || service.User == "root" || strings.HasPrefix(service.User, "0") {
			t.Errorf("%s runs as %q", name, service.User)
		}
		if len(service.Healthcheck.Test) == 0 || service.Healthcheck.Interval == "" || service.Restart == "" {
			t.Errorf("%s has no healthcheck or is not restarted", name)
		}
		if !slices.Contains(service.CapDrop, "ALL") || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s keeps capabilities or may gain privileges", name)
		}
		if len(service.Volumes) == 0 {
			t.Errorf("%s keeps nothing", name)
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, ok := file.Volumes[source]; !ok {
				t.Errorf("volume %s of %s is not declared", source, name)
			}
		}
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("port %s of %s is open to everybody", port, name)
			}
		}
		for dependency, how := range service.DependsOn {
			if _, ok := file.Services[dependency]; !ok || how.Condition != "service_healthy" {
				t.Errorf("%s waits for %s until %q, want service_healthy", name, dependency, how.Condition)
			}
		}
	}
	if !file.Services["server"].Init {
		t.Error("server has no init process")
	}
}

func TestDockerfileFitsTheProgram(t *testing.T) {
	t.Parallel()
	text := read(t, "Dockerfile")
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	for _, want := range []string{"FROM golang:" + goVersion + "-", "\nUSER 10001:10001\n", "\nHEALTHCHECK ", `CMD ["server", "health"]`, "\nVOLUME /data\n", `CMD ["serve"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("Dockerfile has no %q", want)
		}
	}
	_, after, _ := strings.Cut(text, "\nENV ")
	block, _, _ := strings.Cut(after, "\nEXPOSE")
	for _, m := range regexp.MustCompile(`(\w+)=`).FindAllStringSubmatch(block, -1) {
		if !slices.Contains(variables(), m[1]) {
			t.Errorf("the program knows no variable %s", m[1])
		}
	}
	if strings.LastIndex(text, "\nUSER ") < strings.LastIndex(text, "\nFROM ") {
		t.Error("the last stage runs as root")
	}
}

func TestReadmeListsTheVariables(t *testing.T) {
	t.Parallel()
	text := read(t, "README.md")
	for _, name := range variables() {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("README.md does not tell of %s", name)
		}
	}
}

func TestGeneratorAndRuntimeAreOneVersion(t *testing.T) {
	t.Parallel()
	line := regexp.MustCompile(`github\.com/a-h/templ (v\S+)`)
	library, tool := line.FindStringSubmatch(read(t, "go.mod")), line.FindStringSubmatch(read(t, "tools/go.mod"))
	if library == nil || tool == nil || library[1] != tool[1] {
		t.Errorf("templ is %v in go.mod and %v in tools/go.mod, want the same", library, tool)
	}
}

// goPackage is what go list tells of one.
type goPackage struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p goPackage
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// mayImport tells for each room which of our packages it may import; a trailing /* means everything below. The most particular entry
// counts. ARCHITECTURE.md has the reasons.
func mayImport() map[string][]string {
	return map[string][]string{
		"cmd/server":               nil, // everything
		"web":                      {"views/*", "store", "store/mask", "cybs", "cybs/sandbox", "static", "jobs", "web/forwarded"},
		"web/receiver":             {"store", "store/mask", "cybs", "web/forwarded", "web/outbound"},
		"web/outbound":             {},
		"web/forwarded":            {},
		"web/ops":                  {},
		"web/webtest":              {"*"},
		"jobs":                     {"store", "cybs"},
		"store":                    {"store/mask"},
		"store/mask":               {},
		"store/embedded":           {},
		"store/storetest":          {"store", "store/embedded", "migrations"},
		"cybs":                     {},
		"cybs/sandbox":             {"cybs"},
		"cybs/sandbox/sandboxtest": {"cybs", "cybs/sandbox"},
		"migrations":               {},
		"static":                   {},
		"views/paths":              {},
		"views/ui":                 {"views/paths", "static"},
		"views/layout":             {"views/ui", "views/paths", "static"},
		"views/styleguide":         {"views/*", "static"},
		"views/*":                  {"views/layout", "views/ui", "views/paths", "static"},
		"e2e":                      {"*"},
		"e2e/bench":                {"store", "store/embedded", "migrations", "cybs", "web/receiver"},
		"e2e/conformance":          {"cybs", "cybs/sandbox"},
		"e2e/deployments":          {"*"},
	}
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	rules := mayImport()
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, known := rules[room]
		if !known {
			allowed, known = rules[filepath.Dir(room)+"/*"]
		}
		if !known {
			t.Errorf("nothing says what %s may import", room)
			continue
		}
		if room == "cmd/server" {
			continue
		}
		for _, imported := range p.Imports {
			name, ours := strings.CutPrefix(imported, module+"/")
			if ours && !matches(allowed, name) {
				t.Errorf("%s imports %s", room, name)
			}
		}
	}
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(name, prefix)
		}
		return pattern == name
	})
}
