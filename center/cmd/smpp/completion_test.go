//go:build unix

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	library "github.com/godwit-sms/smpp"
	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
)

// asProgram has the test be smpp.
const asProgram = "SMPP_TEST_IS_SMPP"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		_ = os.Unsetenv(asProgram)
		os.Exit(smpp.Main())
	}
	os.Exit(m.Run())
}

// missing ends a test for want of a tool: as skipped, but as failed where everything
// has to be there.
func missing(t *testing.T, why ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why...)
	}
	t.Skip(why...)
}

// bashCompletion are the places of the package that scripts of bash rely on.
var bashCompletion = []string{"/usr/share/bash-completion/bash_completion", "/usr/local/share/bash-completion/bash_completion", "/opt/homebrew/share/bash-completion/bash_completion"}

// The script in bash, as the keys do it.
func TestCompletionInBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		missing(t, "bash is not there: ", err)
	}
	scripts := ""
	for _, path := range bashCompletion {
		if _, err := os.Stat(path); err == nil {
			scripts = path
		}
	}
	if scripts == "" {
		missing(t, "bash-completion is not there: none of ", bashCompletion)
	}
	dir := filepath.Dir(isolate(t))
	write(t, filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "smpp", "config.yaml"), "profiles:\n  live: {}\n  lab: {}\n")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(dir, "smpp")); err != nil {
		t.Fatal(err)
	}
	// It is called as Readline does, with the line and where its words are.
	script := `source ` + scripts + `
source <(smpp completion bash)
compopt() { :; }
complete_line() {
	COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_KEY=9
	read -ra COMP_WORDS <<< "$1"
	[[ $1 == *" " ]] && COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
	$(complete -p smpp | sed 's/.*-F \([^ ]*\).*/\1/') smpp "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
	echo "$1|${COMPREPLY[*]}"
}
`
	want := []struct{ line, words string }{
		{"smpp se", "send serve"},
		{"smpp send --profile l", "lab live"},
		{"smpp send --method ud", "udh udh16"},
		{"smpp store ", "check export stats"},
		{"smpp completion b", "bash"},
		{"smpp ps --en", "--end"},
		{"smpp send --to ", ""},
	}
	var lines strings.Builder
	for _, w := range want {
		script += fmt.Sprintf("complete_line %q\n", w.line)
		fmt.Fprintf(&lines, "%s|%s\n", w.line, w.words)
	}
	cmd := exec.Command(bash, "--norc", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asProgram+"=1", "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	got := strings.ReplaceAll(string(out), " |", "|")
	for line := range strings.Lines(lines.String()) {
		if !strings.Contains(got, strings.ReplaceAll(line, " |", "|")) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
}

// The sessions of the message center that the profile means.
func TestCompletionOfSessions(t *testing.T) {
	isolate(t)
	data := filepath.Join(t.TempDir(), "d")
	write(t, filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "smpp", "config.yaml"), "profiles:\n  default: {data: "+data+"}\n")
	s := serve(t, "--data", data)
	session, err := library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, out, errs := call(t, smpp.Run, "", "__complete", "ps", "--end", ""); !strings.HasPrefix(out, "1\tdemo, transceiver from 127.0.0.1:") {
		t.Errorf("%q, %q", out, errs)
	}
}
