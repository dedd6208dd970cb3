package smpp_test

import (
	"os"
	"strings"
	"testing"
)

// The code of the README is that of the examples, which run: its lines stand
// there, one after the other.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	source := strings.Split(string(example), "\n")
	for i := range source {
		source[i] = strings.TrimSpace(source[i])
	}
	code := strings.Join(source, "\n")
	parts := strings.Split(string(readme), "```")
	blocks := 0
	for i := 1; i < len(parts); i += 2 {
		block, ok := strings.CutPrefix(parts[i], "go\n")
		if !ok {
			continue
		}
		blocks++
		var lines []string
		for line := range strings.Lines(block) {
			lines = append(lines, strings.TrimSpace(line))
		}
		if want := strings.TrimSpace(strings.Join(lines, "\n")); !strings.Contains(code, want) {
			t.Errorf("this block of README.md is not in example_test.go:\n%s", block)
		}
	}
	if blocks < 2 {
		t.Errorf("%d blocks of Go in README.md, the client and the server are expected", blocks)
	}
}
