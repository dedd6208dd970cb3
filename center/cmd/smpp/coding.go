package main

import (
	"slices"
	"strings"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/sms"
)

// codings are the names of the codings of a text that are not GSM alphabets.
var codings = []struct {
	name    string
	charset coding.Charset
}{
	{"ascii", coding.ASCII},
	{"latin1", coding.Latin1},
	{"iso8859-5", coding.ISO8859_5},
	{"iso8859-8", coding.ISO8859_8},
	{"jisx0208", coding.JISX0208},
	{"jisx0212", coding.JISX0212},
	{"iso2022jp", coding.ISO2022JP},
	{"shiftjis", coding.ShiftJIS},
	{"euckr", coding.EUCKR},
	{"ucs2", coding.UTF16},
	{"binary", coding.Binary},
}

// codingNames returns the names that --coding takes.
func codingNames() []string {
	names := []string{"gsm7", "national"}
	for _, l := range sms.AllLanguages() {
		names = append(names, codingName(coding.National(l, l)))
	}
	for _, c := range codings {
		if c.charset != coding.Binary {
			names = append(names, c.name)
		}
	}
	return names
}

// codingName returns the name of a coding: gsm7, gsm7-turkish for a GSM alphabet
// with one or both tables of a language, gsm7-turkish-spanish for a locking and a
// single shift table of two, latin1, ucs2 and so on.
func codingName(cs coding.Charset) string {
	if p, ok := cs.(coding.Packed); ok {
		cs = p.Alphabet
	}
	if g, ok := cs.(coding.GSM); ok {
		name := "gsm7"
		if g.Locking() != coding.DefaultLanguage {
			name += "-" + strings.ToLower(g.Locking().String())
		}
		if g.Single() != coding.DefaultLanguage && g.Single() != g.Locking() {
			name += "-" + strings.ToLower(g.Single().String())
		}
		return name
	}
	for _, c := range codings {
		if c.charset == cs {
			return c.name
		}
	}
	return cs.String()
}

// allowCodings lets a message be in the codings of the names, in any if there
// are none.
func allowCodings(o *sms.Options, names []string, alphabet coding.Charset) error {
	if len(names) == 0 {
		return nil
	}
	gsm := false
	for _, name := range names {
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "gsm7":
			gsm = true
			continue
		case "national":
			gsm, o.Languages = true, sms.AllLanguages()
			continue
		case "utf16":
			name = "ucs2"
		}
		if i := slices.IndexFunc(sms.AllLanguages(), func(l coding.Language) bool { return codingName(coding.National(l, l)) == name }); i >= 0 {
			gsm, o.Languages = true, append(o.Languages, sms.AllLanguages()[i])
			continue
		}
		found := false
		for _, c := range codings {
			if c.name == name && c.charset != coding.Binary {
				o.Charsets, found = append(o.Charsets, c.charset), true
			}
		}
		if !found {
			return usagef("--coding %q: one of %s is required", name, strings.Join(codingNames(), ", "))
		}
	}
	if gsm {
		o.Charsets = append([]coding.Charset{alphabet}, o.Charsets...)
	}
	return nil
}
