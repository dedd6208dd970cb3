package coding_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/coding"
)

// TestGSMSpec goes through testdata/gsm0338.json key by key; TestGSMTables does for the tables. A key or a rule that no
// test here knows is an error.
func TestGSMSpec(t *testing.T) {
	data, err := os.ReadFile("testdata/gsm0338.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec alphabets
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&spec); err != nil {
		t.Fatal(err)
	}
	if spec.Schema != 1 {
		t.Errorf("schema %d", spec.Schema)
	}
	if len(spec.Locking) != 12 || len(spec.Single) != 13 || len(spec.Languages) != 14 {
		t.Errorf("%d locking tables, %d single shift tables, %d languages", len(spec.Locking), len(spec.Single), len(spec.Languages))
	}
	t.Run("escape", func(t *testing.T) {
		// It has no character of its own in any table, and leads to the single shift table in all of them.
		for _, g := range allGSM() {
			locking, single := spec.tables(g)
			if locking[spec.Escape] != 0 || single[spec.Escape] != 0 {
				t.Errorf("%v: the tables have a character at %#02x", g, spec.Escape)
			}
			if octets, err := coding.Encode(g, "["); err != nil || len(octets) == 2 && octets[0] != spec.Escape {
				t.Errorf("%v: [ is % X, %v", g, octets, err)
			}
			if _, err := coding.Encode(g, "\x1B"); err == nil {
				t.Errorf("%v: U+001B can be written", g)
			}
			// 0x0D is a control and no character of a language.
			if locking['\r'] != '\r' || single['\r'] != 0 {
				t.Errorf("%v: 0x0D is %U, %U", g, locking['\r'], single['\r'])
			}
		}
	})
	t.Run("rules", func(t *testing.T) {
		seen := 0
		for _, list := range [][]string{spec.LanguageRules, spec.DecodeRules, spec.EncodeRules, spec.PackingRules} {
			for _, rule := range list {
				seen++
				test := gsmRules[rule]
				if test == nil {
					t.Errorf("no test for the rule: %s", rule)
					continue
				}
				t.Run(rule, func(t *testing.T) { test(t, &spec) })
			}
		}
		if seen != len(gsmRules) {
			t.Errorf("%d rules, but tests for %d", seen, len(gsmRules))
		}
	})
	t.Run("disputed", func(t *testing.T) {
		if len(spec.Disputed) < 20 {
			t.Errorf("only %d entries", len(spec.Disputed))
		}
		for _, d := range spec.Disputed {
			t.Run(fmt.Sprintf("%s %s", d.Table, d.Code), func(t *testing.T) { d.check(t, &spec) })
		}
	})
	t.Run("examples", func(t *testing.T) {
		if len(spec.Examples) == 0 {
			t.Error("none")
		}
		for _, e := range spec.Examples {
			t.Run(e.Name, func(t *testing.T) {
				g := coding.National(e.Locking, e.Single)
				octets, err := coding.Encode(g, e.Text)
				if got := fmt.Sprintf("%X", octets); err != nil || got != e.Septets {
					t.Errorf("Encode(%q) = %s, %v, want %s", e.Text, got, err, e.Septets)
				}
				if got := coding.Decode(g, fromHex(t, e.Septets)); got != e.Text {
					t.Errorf("Decode(%s) = %q, want %q", e.Septets, got, e.Text)
				}
				if got := fmt.Sprintf("%X", coding.AppendPack(nil, octets, 0)); got != e.Packed {
					t.Errorf("AppendPack(%s) = %s, want %s", e.Septets, got, e.Packed)
				}
				septets := coding.AppendUnpack(nil, fromHex(t, e.Packed), 0)
				if got := fmt.Sprintf("%X", septets[:len(octets)]); got != e.Septets {
					t.Errorf("AppendUnpack(%s) = %s, want %s", e.Packed, got, e.Septets)
				}
				packed, err := coding.Encode(coding.Packed{Alphabet: g}, e.Text)
				if back := coding.Decode(coding.Packed{Alphabet: g}, packed); err != nil || back != e.Text || len(packed) != len(e.Packed)/2 {
					t.Errorf("packed: % X, %v, which is %q, want %q", packed, err, back, e.Text)
				}
			})
		}
	})
	t.Run("decode_examples", func(t *testing.T) {
		if len(spec.DecodeExamples) == 0 {
			t.Error("none")
		}
		for _, e := range spec.DecodeExamples {
			t.Run(e.Name, func(t *testing.T) {
				if got := coding.Decode(coding.National(e.Locking, e.Single), fromHex(t, e.Septets)); got != e.Text {
					t.Errorf("Decode(%s) = %q, want %q", e.Septets, got, e.Text)
				}
			})
		}
	})
	t.Run("udh_packing_example", func(t *testing.T) {
		e := spec.UDHPacking
		header, userData := fromHex(t, e.UDH), fromHex(t, e.UserData)
		cs := coding.Packed{Header: len(header)}
		octets, err := coding.Encode(cs, e.Text)
		if got := append(header[:len(header):len(header)], octets...); err != nil || !bytes.Equal(got, userData) {
			t.Errorf("%q behind % X is % X, %v, want % X", e.Text, header, got, err, userData)
		}
		if got := coding.Decode(cs, userData[len(header):]); got != e.Text {
			t.Errorf("% X is %q, want %q", userData, got, e.Text)
		}
		if got := coding.FillBits(len(header)); got != e.FillBits {
			t.Errorf("%d fill bits, want %d", got, e.FillBits)
		}
		units, _ := coding.Len(coding.GSM7, e.Text)
		if got := (8*len(header)+e.FillBits)/7 + units; got != e.SeptetLength {
			t.Errorf("%d septets with the header, want %d", got, e.SeptetLength)
		}
	})
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

// check holds what the package has, rather than the tables of the test, against the verdict.
func (d *dispute) check(t *testing.T, spec *alphabets) {
	kind, name, _ := strings.Cut(d.Table, ".")
	var alphabets []coding.GSM
	single := kind == "single"
	switch {
	case kind == "default_alphabet":
		alphabets = []coding.GSM{coding.GSM7}
	case strings.HasPrefix(d.Table, "locking, "): // all nine Indic scripts
		for l := coding.Bengali; l <= coding.Telugu; l++ {
			alphabets = append(alphabets, coding.National(l, coding.DefaultLanguage))
		}
		if len(alphabets) != 9 {
			t.Fatalf("%d scripts", len(alphabets))
		}
	default:
		for l, language := range spec.Languages {
			switch {
			case language.Name != name:
			case single:
				alphabets = append(alphabets, coding.National(coding.DefaultLanguage, l))
			default:
				alphabets = append(alphabets, coding.National(l, coding.DefaultLanguage))
			}
		}
		if len(alphabets) != 1 {
			t.Fatalf("%d languages of the name %q", len(alphabets), name)
		}
	}
	if string(d.Code) == `"blank"` {
		// A code without a character is read as a space, but a space is written as 0x20 and has no other code.
		for _, g := range alphabets {
			locking, _ := spec.tables(g)
			if octets, err := coding.Encode(g, " "); err != nil || string(octets) != " " {
				t.Errorf("%v: a space is % X, %v", g, octets, err)
			}
			for code, r := range locking {
				if r == d.Other && code != ' ' {
					t.Errorf("%v: the table has a space at %#02x", g, code)
				}
			}
		}
		return
	}
	var from int
	if err := json.Unmarshal(d.Code, &from); err != nil {
		t.Fatal(err)
	}
	to := from
	if d.To != nil {
		to = *d.To
	}
	for _, g := range alphabets {
		for code := from; code <= to; code++ {
			octets := []byte{byte(code)}
			missing := " " // what a code without a character is read as
			if single {
				octets = []byte{spec.Escape, byte(code)}
				missing = coding.Decode(g, octets[1:])
			}
			got := coding.Decode(g, octets)
			var want rune
			if string(d.Verdict) == `"present"` {
				if byte(code) != spec.Escape && got == missing {
					t.Errorf("%v: %#02x has no character", g, code)
				}
				continue
			} else if err := json.Unmarshal(d.Verdict, &want); err != nil {
				t.Fatal(err)
			}
			if want == 0 {
				if got != missing {
					t.Errorf("%v: %#02x is %q, want no character", g, code, got)
				}
			} else if back, err := coding.Encode(g, string(want)); got != string(want) || err != nil {
				t.Errorf("%v: %#02x is %q, want %q, which is % X, %v", g, code, got, want, back, err)
			}
			if d.Other != 0 && got == string(d.Other) {
				t.Errorf("%v: %#02x is %q, as in the transcriptions that are wrong", g, code, got)
			}
		}
	}
}

// gsmRules are tests for the rules of testdata/gsm0338.json.
var gsmRules = map[string]func(*testing.T, *alphabets){
	"identifiers 14-255 are reserved: a receiver ignores the element and uses the default table": func(t *testing.T, _ *alphabets) {
		for l := 14; l < 256; l++ {
			if g := coding.National(coding.Language(l), coding.Language(l)); g != coding.GSM7 {
				t.Errorf("language %d is %v", l, g)
			}
		}
	},
	"0 is not sent: it is the absence of the element": func(t *testing.T, _ *alphabets) {
		if g := coding.National(0, 0); g != coding.GSM7 || g.Locking() != coding.DefaultLanguage || g.Single() != coding.DefaultLanguage {
			t.Errorf("no tables are %v", g)
		}
		// It costs no header: of two that are the same length the first wins, and it is no dearer.
		if cs, _ := coding.Choose("a", coding.National(coding.DefaultLanguage, coding.Turkish), coding.GSM7); cs != coding.GSM7 {
			t.Errorf("the default alphabet costs more than a national one: %v", cs)
		}
	},
	"escape + a code without entry in the single shift table: the character of the locking table at that code": func(t *testing.T, spec *alphabets) {
		for _, g := range allGSM() {
			locking, single := spec.tables(g)
			for code, r := range single {
				if r != 0 || locking[code] == 0 {
					continue
				}
				if got := coding.Decode(g, []byte{spec.Escape, byte(code)}); got != string(locking[code]) {
					t.Errorf("%v: escape and %#02x is %q, want %q", g, code, got, locking[code])
				}
			}
		}
	},
	"escape + escape: a space (room for a further table)": func(t *testing.T, spec *alphabets) {
		for _, g := range allGSM() {
			if got := coding.Decode(g, []byte{spec.Escape, spec.Escape, '0'}); got != " 0" {
				t.Errorf("%v: %q", g, got)
			}
		}
	},
	"escape as last septet: a space (judgement)": func(t *testing.T, spec *alphabets) {
		for _, g := range allGSM() {
			if got := coding.Decode(g, []byte{'0', spec.Escape}); got != "0 " {
				t.Errorf("%v: %q", g, got)
			}
		}
	},
	"a code without entry in the locking table: a space (judgement)": func(t *testing.T, spec *alphabets) {
		blanks := 0
		for _, g := range allGSM() {
			locking, _ := spec.tables(g)
			for code, r := range locking {
				if r != 0 || byte(code) == spec.Escape {
					continue
				}
				blanks++
				if got := coding.Decode(g, []byte{byte(code), '0'}); got != " 0" {
					t.Errorf("%v: %#02x is %q", g, code, got)
				}
			}
		}
		if blanks == 0 {
			t.Error("no table has such a code")
		}
	},
	"0x0A in every single shift table is form feed (page break)": func(t *testing.T, spec *alphabets) {
		for _, g := range allGSM() {
			if got := coding.Decode(g, []byte{spec.Escape, 0x0A}); got != "\f" {
				t.Errorf("%v: %q", g, got)
			}
			if octets, err := coding.Encode(g, "\f"); err != nil || string(octets) != "\x1B\x0A" {
				t.Errorf("%v: % X, %v", g, octets, err)
			}
		}
	},
	"a character in both tables is written with the locking table": func(t *testing.T, spec *alphabets) {
		both := 0
		for _, g := range allGSM() {
			locking, single := spec.tables(g)
			for _, r := range single {
				if r == 0 || !strings.ContainsRune(string(locking), r) {
					continue
				}
				both++
				if octets, err := coding.Encode(g, string(r)); err != nil || len(octets) != 1 {
					t.Errorf("%v: %q is % X, %v", g, r, octets, err)
				}
			}
		}
		if both == 0 {
			t.Error("no character is in both tables")
		}
	},
	"a character in neither table: refuse, or fall back to UCS2; replacing it silently only on request (judgement)": func(t *testing.T, spec *alphabets) {
		for _, g := range allGSM() {
			octets, err := coding.Encode(g, "a\u4E00")
			var missing *coding.EncodeError
			if !errors.As(err, &missing) || missing.Rune != '\u4E00' || octets != nil {
				t.Errorf("%v: % X, %v", g, octets, err)
			}
			if cs, ok := coding.Choose("a\u4E00", g, coding.UTF16); !ok || cs != coding.UTF16 {
				t.Errorf("%v: the choice is %v, %t", g, cs, ok)
			}
		}
		if got := coding.Transliterate(coding.GSM7, "\u2018"); got != "'" {
			t.Errorf("on request: %q", got)
		}
	},
	"several codes for one character: the lowest code (judgement)": func(t *testing.T, spec *alphabets) {
		several := 0
		check := func(g coding.GSM, table []rune, prefix string) {
			first := make(map[rune]int)
			for code, r := range table {
				if r == 0 {
					continue
				}
				if _, ok := first[r]; !ok {
					first[r] = code
					continue
				}
				octets, err := coding.Encode(g, string(r))
				if prefix != "" && err == nil && len(octets) == 1 {
					continue // it stands in the locking table too
				}
				several++
				if want := prefix + string([]byte{byte(first[r])}); err != nil || string(octets) != want {
					t.Errorf("%v: %q is % X, %v, want % X", g, r, octets, err, want)
				}
			}
		}
		for _, g := range allGSM() {
			locking, single := spec.tables(g)
			check(g, locking, "")
			check(g, single, "\x1B")
		}
		if several == 0 {
			t.Error("no character has several codes")
		}
	},
	"septet n occupies bits 7n to 7n+6, least significant bit first, octets filled from the low end": func(t *testing.T, _ *alphabets) {
		for n := range 20 {
			for bit := range 7 {
				septets := make([]byte, 20)
				septets[n] = 1 << bit
				packed := coding.AppendPack(nil, septets, 0)
				for at := range 8 * len(packed) {
					if got, want := packed[at/8]>>(at%8)&1 != 0, at == 7*n+bit; got != want {
						t.Errorf("septet %d, bit %d: bit %d is %t", n, bit, at, got)
					}
				}
			}
		}
	},
	"7 free bits at the end (septets mod 8 = 7) read as an extra 0x00, the commercial at: pad with 0x0D when the length is not carried elsewhere": func(t *testing.T, _ *alphabets) {
		for n := 7; n < 160; n += 8 {
			text := strings.Repeat("a", n)
			septets, err := coding.Encode(coding.GSM7, text)
			if err != nil {
				t.Fatal(err)
			}
			bare := coding.AppendPack(nil, septets, 0)
			if got := coding.AppendUnpack(nil, bare, 0); len(got) != n+1 || got[n] != 0 {
				t.Errorf("%d septets: bare packing has % X at the end", n, got[n:])
			}
			padded, err := coding.Encode(coding.Packed{}, text)
			if got := coding.AppendUnpack(nil, padded, 0); err != nil || len(got) != n+1 || got[n] != 0x0D {
				t.Errorf("%d septets: % X, %v at the end, want 0D", n, got[n:], err)
			}
			if back := coding.Decode(coding.Packed{}, padded); back != text {
				t.Errorf("%d septets come back as %q", n, back)
			}
		}
	},
	"after a UDH the first septet starts at the next multiple of 7 bits counted from the start of the UDH": func(t *testing.T, _ *alphabets) {
		for header := range 141 {
			octets, err := coding.Encode(coding.Packed{Header: header}, "o")
			if err != nil {
				t.Fatal(err)
			}
			all := append(make([]byte, header), octets...)
			start := (8*header + 6) / 7 // in septets
			if septets := coding.AppendUnpack(nil, all, 0); len(septets) <= start || septets[start] != 'o' {
				t.Errorf("behind %d octets: % X", header, septets)
			}
		}
	},
	"SMPP carries no septet count: data_coding 0 is usually one septet per octet, unpacked; packed only by agreement with the MC": func(t *testing.T, _ *alphabets) {
		if cs, ok := coding.ForDataCoding(0, nil); cs != coding.GSM7 || !ok {
			t.Errorf("data_coding 0 is %v, %t", cs, ok)
		}
		if octets, err := coding.Encode(coding.GSM7, "hello"); err != nil || string(octets) != "hello" {
			t.Errorf("% X, %v", octets, err)
		}
		if cs, ok := coding.ForDataCoding(0, coding.Packed{}); cs != (coding.Packed{}) || !ok {
			t.Errorf("data_coding 0 by agreement is %v, %t", cs, ok)
		}
	},
}
