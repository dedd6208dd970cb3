// Command conformance writes docs/conformance.md: what the specification has,
// row by row, and the tests that show that this library has it too. It runs these
// tests. A row without a test that passes is an error, and nothing is written.
//
//	go run ./internal/conformance          # from the root of the repository
//	go run ./internal/conformance -check   # fails when the document would change
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const document = "docs/conformance.md"

func main() {
	check := flag.Bool("check", false, "write nothing, and fail when there is something to write")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	sections, err := read(root)
	if err != nil {
		return err
	}
	results, err := test(root, sections)
	if err != nil {
		return err
	}
	if err := judge(sections, results); err != nil {
		return err
	}
	text, err := render(root, sections)
	if err != nil {
		return err
	}
	path := filepath.Join(root, filepath.FromSlash(document))
	if !check {
		return os.WriteFile(path, text, 0o644)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, text) {
		return fmt.Errorf("%s is out of date: run go run ./internal/conformance", document)
	}
	rows := 0
	for _, s := range sections {
		rows += len(s.rows)
	}
	fmt.Printf("%s: %d rows, and the tests of each pass\n", document, rows)
	return nil
}

// A section is a table of the document.
type section struct {
	title, intro string
	head         []string
	rows         []row
}

// A row is something that the specification has, and the tests that show it.
type row struct {
	cells []string
	tests []proof
}

// A proof is a test, or a subtest, of a package.
type proof struct{ pkg, test string }

func (p proof) function() string { name, _, _ := strings.Cut(p.test, "/"); return name }

// test runs what the rows name and returns what became of every test.
func test(root string, sections []section) (map[proof]string, error) {
	functions := map[string]map[string]bool{}
	for _, s := range sections {
		for _, r := range s.rows {
			for _, p := range r.tests {
				if functions[p.pkg] == nil {
					functions[p.pkg] = map[string]bool{}
				}
				functions[p.pkg][p.function()] = true
			}
		}
	}
	results := map[proof]string{}
	for _, pkg := range slices.Sorted(maps.Keys(functions)) {
		names := slices.Sorted(maps.Keys(functions[pkg]))
		cmd := exec.Command("go", "test", "-json", "-count=1", "-run", "^("+strings.Join(names, "|")+")$", "./"+pkg)
		cmd.Dir = root
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) { // failed tests are judged by row
			return nil, fmt.Errorf("go test ./%s: %w", pkg, err)
		}
		if perr := parse(pkg, bytes.NewReader(out), results); perr != nil {
			return nil, fmt.Errorf("go test ./%s: %w\n%s", pkg, errors.Join(perr, err), stderr.Bytes())
		}
	}
	return results, nil
}

// parse reads what go test -json says.
func parse(pkg string, r io.Reader, results map[proof]string) error {
	d := json.NewDecoder(r)
	seen := false
	for {
		var event struct{ Action, Test, Output string }
		if err := d.Decode(&event); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		switch event.Action {
		case "pass", "fail", "skip":
			if event.Test != "" {
				results[proof{pkg, event.Test}] = event.Action
				seen = true
			}
		}
	}
	if !seen {
		return errors.New("no test ran")
	}
	return nil
}

// judge returns an error that lists the rows that are not shown.
func judge(sections []section, results map[proof]string) error {
	var wrong []error
	for _, s := range sections {
		if len(s.rows) == 0 {
			wrong = append(wrong, fmt.Errorf("%s: no rows", s.title))
		}
		for _, r := range s.rows {
			name := s.title + ": " + strings.Join(r.cells, " ")
			if len(r.tests) == 0 {
				wrong = append(wrong, fmt.Errorf("%s: no test", name))
			}
			for _, p := range r.tests {
				switch results[p] {
				case "pass":
				case "":
					wrong = append(wrong, fmt.Errorf("%s: there is no test %s in ./%s", name, p.test, p.pkg))
				default:
					wrong = append(wrong, fmt.Errorf("%s: %s in ./%s: %s", name, p.test, p.pkg, results[p]))
				}
			}
		}
	}
	return errors.Join(wrong...)
}

// render writes the document of rows that are all shown.
func render(root string, sections []section) ([]byte, error) {
	files, err := locate(root, sections)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	total := 0
	for _, s := range sections {
		total += len(s.rows)
	}
	fmt.Fprintf(&b, `# Conformance

What SMPP v3.3, v3.4 and v5.0 have, and the tests that show that the library has it too: %d rows. The document is written by
running them,

    go run ./internal/conformance

and a row whose tests do not all pass is an error, also of CI. The rows are those of the data in testdata/, which the tests
read as well, so that none can be left out on one side alone.
`, total)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", s.title, s.intro)
		fmt.Fprintf(&b, "| %s | shown by | |\n|%s\n", strings.Join(s.head, " | "), strings.Repeat(" --- |", len(s.head)+2))
		for _, r := range s.rows {
			names := make([]string, len(r.tests))
			for i, p := range r.tests {
				names[i] = "`" + files[proof{p.pkg, p.function()}] + ":" + p.test + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | passes |\n", strings.Join(r.cells, " | "), strings.Join(names, ", "))
		}
	}
	return b.Bytes(), nil
}

var function = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)

// locate returns the file of each test function.
func locate(root string, sections []section) (map[proof]string, error) {
	files := map[proof]string{}
	read := map[string]bool{}
	for _, s := range sections {
		for _, r := range s.rows {
			for _, p := range r.tests {
				if !read[p.pkg] {
					read[p.pkg] = true
					names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(p.pkg), "*_test.go"))
					if err != nil {
						return nil, err
					}
					for _, name := range names {
						text, err := os.ReadFile(name)
						if err != nil {
							return nil, err
						}
						for _, m := range function.FindAllSubmatch(text, -1) {
							files[proof{p.pkg, string(m[1])}] = strings.TrimPrefix(p.pkg+"/"+filepath.Base(name), "/")
						}
					}
				}
				if files[proof{p.pkg, p.function()}] == "" {
					return nil, fmt.Errorf("%s: there is no %s in ./%s", s.title, p.function(), p.pkg)
				}
			}
		}
	}
	return files, nil
}
