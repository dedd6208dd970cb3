package handset_test

import (
	"os"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/center/handset"
)

// The manual has the help as the code has it. Mend it with
// UPDATE=1 go test ./handset -run TestManual.
func TestManual(t *testing.T) {
	const path, begin, end = "../../docs/handset.md", "<!-- help: begin -->\n", "<!-- help: end -->"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q and %q", path, begin, end)
	}
	want := "```\n" + handset.Help() + "```\n"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s has not the help of the code: run UPDATE=1 go test ./handset -run TestManual", path)
	}
}
