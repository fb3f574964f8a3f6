package deployments

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryFileIsInTheGuideAndInATest(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "docs")
	guide, err := os.ReadFile(filepath.Join(docs, "deploying.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(docs, "deploying"))
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, name := range []string{"databases_test.go", "proxies_test.go"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(content)
	}
	for _, f := range files {
		if !strings.Contains(string(guide), "(deploying/"+f.Name()+")") {
			t.Errorf("docs/deploying.md does not link %s", f.Name())
		}
		if !strings.Contains(tests.String(), `"`+f.Name()+`"`) {
			t.Errorf("no test uses %s", f.Name())
		}
	}
}
