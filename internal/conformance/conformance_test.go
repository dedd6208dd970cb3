package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// The document is what is written when all tests pass; that they do is shown by
// go run ./internal/conformance -check.
func TestDocument(t *testing.T) {
	sections, err := read(root)
	if err != nil {
		t.Fatal(err)
	}
	want, err := render(root, sections)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(document)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run go run ./internal/conformance", document)
	}
}

func TestJudge(t *testing.T) {
	sections := []section{{title: "Commands", rows: []row{
		{[]string{"submit_sm"}, []proof{{"pdu", "TestA/submit_sm"}, {"", "TestB"}}},
		{[]string{"query_sm"}, []proof{{"pdu", "TestA/query_sm"}}},
		{[]string{"cancel_sm"}, nil},
	}}}
	pass := func() map[proof]string {
		return map[proof]string{{"pdu", "TestA/submit_sm"}: "pass", {"", "TestB"}: "pass", {"pdu", "TestA/query_sm"}: "pass"}
	}
	all := []section{{title: "Commands", rows: sections[0].rows[:2]}}
	if err := judge(all, pass()); err != nil {
		t.Errorf("all pass: %v", err)
	}
	for _, c := range []struct {
		name, want string
		sections   []section
		change     func(map[proof]string)
	}{
		{"no test named", "cancel_sm: no test", sections, func(map[proof]string) {}},
		{"failed", "submit_sm: TestB in ./: fail", all, func(m map[proof]string) { m[proof{"", "TestB"}] = "fail" }},
		{"skipped", "skip", all, func(m map[proof]string) { m[proof{"pdu", "TestA/query_sm"}] = "skip" }},
		{"did not run", "there is no test TestA/query_sm", all, func(m map[proof]string) { delete(m, proof{"pdu", "TestA/query_sm"}) }},
		{"no rows", "no rows", []section{{title: "Nothing"}}, func(map[proof]string) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			results := pass()
			c.change(results)
			if err := judge(c.sections, results); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	results := map[proof]string{}
	err := parse("pdu", strings.NewReader(`{"Action":"run","Test":"TestA"}
{"Action":"output","Test":"TestA","Output":"x"}
{"Action":"pass","Test":"TestA/x"}
{"Action":"fail","Test":"TestA"}
{"Action":"fail"}
`), results)
	if err != nil || len(results) != 2 || results[proof{"pdu", "TestA/x"}] != "pass" || results[proof{"pdu", "TestA"}] != "fail" {
		t.Errorf("%v, %v", results, err)
	}
	if err := parse("pdu", strings.NewReader(`{"Action":"fail"}`), results); err == nil {
		t.Error("no test ran, and no error")
	}
}
