package config

import (
	"fmt"
	"strings"
)

// Reference returns the keys as Markdown: what each means, how its value is
// written, and what holds without it.
func Reference() string {
	var b strings.Builder
	table(&b, "", new(File).keys(), true)
	return b.String()
}

func table(b *strings.Builder, prefix string, keys []key, top bool) {
	b.WriteString("| key | value | default | meaning |\n| --- | --- | --- | --- |\n")
	type section struct {
		path, about string
		keys        []key
	}
	var later []section
	for _, k := range keys {
		form, about := k.value.form, k.about
		if form == durationForm {
			form = "a duration" // its form is said once, above the tables
		}
		if form == "true or false" && k.zero == "" {
			k.zero = "false"
		}
		path := prefix + k.name
		switch {
		case k.keys != nil:
			form = "a section, see below"
			later = append(later, section{path, about, k.keys})
		case k.value.keys != nil:
			form = "a list of sections, see below"
			later = append(later, section{path + "[]", about, k.value.keys()})
		}
		if k.required {
			about += " Required."
		}
		name := "`" + k.name + "`"
		if top && k.live {
			name += " ↻"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, escape(strings.TrimSuffix(form, ",")), escape(k.zero), escape(about))
	}
	for _, s := range later {
		fmt.Fprintf(b, "\n### `%s`\n\n", s.path)
		table(b, s.path+".", s.keys, false)
	}
}

func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
