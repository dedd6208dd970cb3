package coding_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
)

func TestTransliterate(t *testing.T) {
	turkish := coding.National(coding.DefaultLanguage, coding.Turkish)
	for _, tt := range []struct {
		name string
		cs   coding.Charset
		text string
		want string
	}{
		{"nothing to do", coding.GSM7, "5 \u20AC for \u00E0 \u00C7 {x}", "5 \u20AC for \u00E0 \u00C7 {x}"},
		{"empty", coding.GSM7, "", ""},
		{"smart quotes", coding.GSM7, "\u201CIt\u2019s\u201D \u2018a\u2019 \u201Eb\u201F \u00ABc\u00BB", `"It's" 'a' "b" "c"`},
		{"dashes", coding.GSM7, "a\u2013b\u2014c\u2010d\u2212e", "a-b-c-d-e"},
		{"ellipsis and bullet", coding.GSM7, "\u2022 wait\u2026", "* wait..."},
		{"spaces", coding.GSM7, "a\u00A0b\u2009c\u3000d\te\u2028f", "a b c d e\nf"},
		{"accents", coding.GSM7, "\u00E1\u00EA\u00EF\u00F3\u0151\u0107\u017E\u0142", "aeioocz" + "l"},
		{"accents that GSM has stay", coding.GSM7, "\u00E9\u00FC\u00F1\u00F8\u00C5", "\u00E9\u00FC\u00F1\u00F8\u00C5"},
		{"small c with cedilla", coding.GSM7, "gar\u00E7on", "gar\u00C7on"},
		{"small c with cedilla in ASCII", coding.ASCII, "gar\u00E7on", "garcon"},
		{"small c with cedilla in Turkish", turkish, "gar\u00E7on\u2026", "gar\u00E7on..."},
		{"composed", coding.GSM7, "cafe\u0301", "caf\u00E9"},
		{"composed, then without its mark", coding.GSM7, "u\u0301\u0323", "u"},
		{"letters without decomposition", coding.ASCII, "\u00C6\u00F8\u00DF\u00FE\u0153", "AEosstho" + "e"},
		{"Greek", coding.GSM7, "\u039A\u03B1\u03BB\u03B7\u03BC\u03AD\u03C1\u03B1", "KA\u039BHMEPA"},
		{"micro", coding.GSM7, "5 \u00B5m", "5 um"},
		{"currencies", coding.ASCII, "5 \u20AC, 3 \u00A3, 2 \u20B9", "5 EUR, 3 GBP, 2 INR"},
		{"currency in GSM", coding.GSM7, "5 \u20AC, 2 \u20B9", "5 \u20AC, 2 INR"},
		{"signs", coding.GSM7, "\u00A9 \u00AE \u2122 \u00BD \u00B2 \u2264 \u2192 \u2116", "(c) (r) TM 1/2 2 <= -> No"},
		{"forms", coding.GSM7, "\uFB01n \uFF21\uFF11", "fin A1"},
		{"invisible", coding.GSM7, "so\u00ADft\u200B\uFEFF \u00A9\uFE0F", "soft (c)"},
		{"backtick", coding.GSM7, "`a\u00B4", "'a'"},
		{"no replacement", coding.GSM7, "\u0416 \u201Cx\u201D \U0001F600", "\u0416 \"x\" \U0001F600"},
		{"marks of other scripts stay", coding.GSM7, "\u0928\u0947\u0939\u094D \u0439", "\u0928\u0947\u0939\u094D \u0439"},
		{"joiners of emoji stay", coding.GSM7, "\U0001F468\u200D\U0001F469\uFE0F", "\U0001F468\u200D\U0001F469\uFE0F"},
		{"a mark without letter stays", coding.GSM7, "\u0301", "\u0301"},
		{"invalid UTF-8 stays", coding.GSM7, "\u2026\xFF\u2026", "...\xFF..."},
		{"Latin-1", coding.Latin1, "\u201C\u00E7\u0142\u20AC\u201D", "\"\u00E7lEUR\""},
		{"Latin-1 composes", coding.Latin1, "e\u0301o\u0302", "\u00E9\u00F4"},
		{"packed", coding.Packed{}, "\u201Cx\u201D", `"x"`},
		{"Cyrillic", coding.ISO8859_5, "\u0416\u2014\u00E9", "\u0416-e"},
		{"UTF-16 has it all", coding.UTF16, "\u201C\U0001F600", "\u201C\U0001F600"},
		{"nil is GSM", nil, "\u2026", "..."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := coding.Transliterate(tt.cs, tt.text); got != tt.want {
				t.Errorf("Transliterate(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

// Every character is left alone or becomes what can be written.
func TestTransliterateEveryCharacter(t *testing.T) {
	for _, cs := range charsets() {
		if strings.HasPrefix(cs.String(), "x/text") {
			continue
		}
		replaced := 0
		for r := rune(0); r < 0x1F200; r++ {
			switch {
			case r >= 0x3400 && r < 0xF900, r >= 0x10000 && r < 0x1D400:
				continue // East Asian and ancient scripts, of which no forms have replacements
			}
			for _, text := range []string{string(r), "a" + string(r)} {
				got := coding.Transliterate(cs, text)
				switch {
				case got == text:
				case coding.Encodable(cs, text):
					t.Errorf("%v: %q becomes %q, which was not needed", cs, text, got)
				case !coding.Encodable(cs, got) && coding.Encodable(cs, "a"):
					t.Errorf("%v: %q becomes %q, which cannot be written", cs, text, got)
				default:
					replaced++
				}
			}
		}
		if replaced == 0 && !coding.Encodable(cs, "\U0001F600") {
			t.Errorf("%v: nothing is replaced", cs)
		}
	}
}

func FuzzTransliterate(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Add("\u201CIt\u2019s\u201D \u00E7\u0301\u0323 \u1100\u1161\u11A8 \u00A9\u1161 \u00BD\u200D\u0301\u034F" + strings.Repeat("\u0301", 40))
	all := charsets()
	f.Fuzz(func(t *testing.T, text string) {
		for _, cs := range all {
			got := coding.Transliterate(cs, text)
			if again := coding.Transliterate(cs, got); again != got {
				t.Fatalf("%v: %q becomes %q and then %q", cs, text, got, again)
			}
			if coding.Encodable(cs, text) && got != text {
				t.Fatalf("%v: %q becomes %q, which was not needed", cs, text, got)
			}
			if utf8.ValidString(text) != utf8.ValidString(got) {
				t.Fatalf("%v: %q becomes %q", cs, text, got)
			}
			// What had to stay is a character of the text as it was.
			for rest := got; ; {
				rest = rest[coding.Cut(cs, rest, 1<<30):]
				if rest == "" {
					break
				}
				r, size := utf8.DecodeRuneInString(rest)
				if r != utf8.RuneError && !strings.ContainsRune(text, r) {
					t.Fatalf("%v: %q becomes %q with %q", cs, text, got, r)
				}
				rest = rest[size:]
			}
		}
	})
}

func ExampleTransliterate() {
	text := "\u201CDzi\u0119kuj\u0119\u201D \u2014 5\u202F\u20AC\u2026"
	fmt.Println(coding.Encodable(coding.GSM7, text))
	plain := coding.Transliterate(coding.GSM7, text)
	fmt.Println(plain, coding.Encodable(coding.GSM7, plain))

	// Where nothing says the same, nothing is lost: send the text as it was, in UTF-16.
	text = "\u201C\u041F\u0440\u0438\u0432\u0435\u0442\u201D"
	fmt.Println(coding.Encodable(coding.GSM7, coding.Transliterate(coding.GSM7, text)))
	// Output:
	// false
	// "Dziekuje" - 5 €... true
	// false
}
