package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocument keeps docs/node-smpp.md true: the tests that it names exist, those of bugs carry their numbers, its Go code is that of
// migration_test.go, and no feature or bug is left out.
func TestDocument(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs", "node-smpp.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	files := make(map[string]string)
	read := func(name string) string {
		if _, ok := files[name]; !ok {
			octets, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil {
				t.Errorf("%v", err)
			}
			files[name] = string(octets)
		}
		return files[name]
	}

	reference := regexp.MustCompile("`([a-z0-9_/]+_test\\.go):((?:Test|Fuzz|Example|Benchmark)\\w*)`")
	for _, m := range reference.FindAllStringSubmatch(doc, -1) {
		if !strings.Contains(read(m[1]), "\nfunc "+m[2]+"(") {
			t.Errorf("there is no %s in %s", m[2], m[1])
		}
	}
	rest := reference.ReplaceAllString(doc, "")
	if stray := regexp.MustCompile(`\w+_test\.go\S*|\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`).FindAllString(rest, -1); stray != nil {
		t.Errorf("not in the form `file:Test`: %q", stray)
	}

	row := regexp.MustCompile(`(?m)^\| ([NB]\d+) \|.*\|$`)
	var numbers []string
	for _, m := range row.FindAllStringSubmatch(doc, -1) {
		line, number := m[0], m[1]
		numbers = append(numbers, number)
		tests := reference.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 && !strings.Contains(line, "Cannot happen: ") {
			t.Errorf("%s names no test", number)
		}
		if number[0] == 'N' {
			continue
		}
		mention := regexp.MustCompile(`\b(?:Test|Fuzz)?` + number + `(?:\b|[A-Z])`)
		for _, test := range tests {
			if !mention.MatchString(read(test[1])) {
				t.Errorf("%s is not mentioned in %s", number, test[1])
			}
		}
	}
	var want []string
	for n := range 59 {
		want = append(want, fmt.Sprintf("N%d", n+1))
	}
	for n := range 39 {
		want = append(want, fmt.Sprintf("B%d", n+1))
	}
	if got := strings.Join(numbers, " "); got != strings.Join(want, " ") {
		t.Errorf("rows: %s", got)
	}

	// Code that is in a function is indented by one more tab there.
	code := read("internal/interop/migration_test.go")
	for _, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(doc, -1) {
		indented := regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(m[1], "\t$1")
		if !strings.Contains(code, "\n"+m[1]) && !strings.Contains(code, "\n"+indented) {
			t.Errorf("not in migration_test.go:\n%s", m[1])
		}
	}
}
