package coding_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
)

// alphabets is testdata/gsm0338.json, all of it: the tables of 3GPP TS 23.038 with 0 where a code has no character, the
// rules around them, and examples.
type alphabets struct {
	Schema    int  `json:"schema"`
	Escape    byte `json:"escape"`
	Languages map[coding.Language]struct {
		Name       string `json:"name"`
		HasLocking bool   `json:"has_locking"`
		HasSingle  bool   `json:"has_single"`
	} `json:"languages"`
	LanguageRules   []string          `json:"language_rules"`
	DecodeRules     []string          `json:"decode_rules"`
	EncodeRules     []string          `json:"encode_rules"`
	PackingRules    []string          `json:"packing_rules"`
	DefaultAlphabet []rune            `json:"default_alphabet"`
	ExtensionTable  []rune            `json:"extension_table"`
	Locking         map[string][]rune `json:"locking"`
	Single          map[string][]rune `json:"single"`
	Disputed        []dispute         `json:"disputed"`
	Examples        []gsmExample      `json:"examples"`
	DecodeExamples  []gsmExample      `json:"decode_examples"`
	UDHPacking      struct {
		UDH          string `json:"udh"`
		FillBits     int    `json:"fill_bits"`
		Text         string `json:"text"`
		UserData     string `json:"user_data"`
		SeptetLength int    `json:"septet_length"`
	} `json:"udh_packing_example"`
}

// A dispute is an entry about which transcriptions of the tables differ. Other is what some of them have.
type dispute struct {
	Table   string          `json:"table"`
	Code    json.RawMessage `json:"code"`    // a number, or "blank" for all codes without a character
	To      *int            `json:"to"`      // the end of a range that begins with Code
	Verdict json.RawMessage `json:"verdict"` // a character, 0 for none, or "present"
	Other   rune            `json:"other"`
	Votes   string          `json:"votes"`
	Why     string          `json:"why"`
}

type gsmExample struct {
	Name    string          `json:"name"`
	Locking coding.Language `json:"locking"`
	Single  coding.Language `json:"single"`
	Text    string          `json:"text"`
	Septets string          `json:"septets"`
	Packed  string          `json:"packed"`
}

func readJSON[T any](t testing.TB, name string) T {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// tables returns the two tables of an alphabet.
func (a *alphabets) tables(g coding.GSM) (locking, single []rune) {
	locking, single = a.DefaultAlphabet, a.ExtensionTable
	if t := a.Locking[a.Languages[g.Locking()].Name]; t != nil {
		locking = t
	}
	if t := a.Single[a.Languages[g.Single()].Name]; t != nil {
		single = t
	}
	return locking, single
}

// decode is the rules of 3GPP TS 23.038 spelled out, to compare with.
func (a *alphabets) decode(g coding.GSM, octets []byte) string {
	locking, single := a.tables(g)
	plain := func(o byte) rune {
		switch {
		case o > 0x7F:
			return utf8.RuneError
		case locking[o] == 0:
			return ' '
		}
		return locking[o]
	}
	var text []rune
	for i := 0; i < len(octets); i++ {
		switch {
		case octets[i] != 0x1B:
			text = append(text, plain(octets[i]))
		case i+1 == len(octets):
			text = append(text, ' ')
		default:
			i++
			if o := octets[i]; o < 0x80 && single[o] != 0 {
				text = append(text, single[o])
			} else {
				text = append(text, plain(o))
			}
		}
	}
	return string(text)
}

// encode returns the octets of one character.
func (a *alphabets) encode(g coding.GSM, r rune) []byte {
	locking, single := a.tables(g)
	for code, c := range locking {
		if c == r && c != 0 {
			return []byte{byte(code)}
		}
	}
	for code, c := range single {
		if c == r && c != 0 {
			return []byte{0x1B, byte(code)}
		}
	}
	return nil
}

// allGSM returns every pair of tables.
func allGSM() []coding.GSM {
	var all []coding.GSM
	for locking := coding.DefaultLanguage; locking <= coding.Urdu; locking++ {
		for single := coding.DefaultLanguage; single <= coding.Urdu; single++ {
			if locking != coding.Spanish {
				all = append(all, coding.National(locking, single))
			}
		}
	}
	return all
}

func TestGSMTables(t *testing.T) {
	tables := readJSON[*alphabets](t, "gsm0338.json")
	for id, language := range tables.Languages {
		if !strings.EqualFold(id.String(), language.Name) {
			t.Errorf("language %d is %v, want %v", uint8(id), id, language.Name)
		}
		if id.HasLocking() != language.HasLocking || id.HasSingle() != language.HasSingle {
			t.Errorf("%v: HasLocking %t, HasSingle %t, want %+v", id, id.HasLocking(), id.HasSingle(), language)
		}
	}
	for _, g := range allGSM() {
		t.Run(g.String(), func(t *testing.T) {
			for o := range 256 {
				for _, octets := range [][]byte{{byte(o)}, {0x1B, byte(o)}} {
					want := tables.decode(g, octets)
					if got := coding.Decode(g, octets); got != want {
						t.Errorf("Decode(% X) = %q, want %q", octets, got, want)
					}
				}
			}
			locking, single := tables.tables(g)
			chars := make(map[rune]bool)
			for _, r := range append(append([]rune{}, locking...), single...) {
				chars[r] = r != 0
			}
			for r := range rune(0x3000) {
				var want []byte
				if chars[r] {
					want = tables.encode(g, r)
				}
				got, err := coding.Encode(g, string(r))
				if string(got) != string(want) || (err == nil) != chars[r] {
					t.Errorf("Encode(%U) = % X, %v, want % X", r, got, err, want)
				}
				units, ok := coding.Len(g, string(r))
				if units != len(want) || ok != chars[r] {
					t.Errorf("Len(%U) = %d, %t, want %d, %t", r, units, ok, len(want), chars[r])
				}
				if chars[r] {
					if back := coding.Decode(g, got); back != string(r) {
						t.Errorf("Decode(Encode(%U)) = %q", r, back)
					}
				}
			}
		})
	}
}

func TestGSMUnmappable(t *testing.T) {
	// node-smpp B11: a character that GSM lacks was sent as 0x00, which is '@'.
	for _, tt := range []struct {
		name, text string
		r          rune
		offset     int
		invalid    bool
	}{
		{"cyrillic", "abc\u0416", '\u0416', 3, false},
		{"small c with cedilla is not the capital", "gar\u00E7on", '\u00E7', 3, false},
		{"backtick", "`", '`', 0, false},
		{"tab", "a\tb", '\t', 1, false},
		{"escape", "\x1B", 0x1B, 0, false},
		{"NUL", "\x00", 0, 0, false},
		{"no-break space", "1\u00A0000", '\u00A0', 1, false},
		{"emoji behind an escape sequence", "\u20AC\U0001F600", '\U0001F600', 3, false},
		{"replacement character", "\uFFFD", '\uFFFD', 0, false},
		{"invalid UTF-8", "ab\xFFc", '\uFFFD', 2, true},
		{"invalid UTF-8 at the end", "ab\xE2\x82", '\uFFFD', 2, true},
		{"the highest character", "\U0010FFFF", '\U0010FFFF', 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dst := []byte("kept")
			got, err := coding.GSM7.AppendEncode(dst, tt.text)
			var e *coding.EncodeError
			if !errors.As(err, &e) {
				t.Fatalf("AppendEncode(%q) = % X, %v, want an EncodeError", tt.text, got, err)
			}
			if e.Rune != tt.r || e.Offset != tt.offset || e.InvalidUTF8 != tt.invalid || e.Charset != coding.GSM7 {
				t.Errorf("error is %+v, want %U at %d", *e, tt.r, tt.offset)
			}
			if string(got) != "kept" {
				t.Errorf("dst is %q afterwards, want it as it was", got)
			}
			if coding.Encodable(coding.GSM7, tt.text) {
				t.Error("Encodable is true")
			}
		})
	}
	if at, err := coding.Encode(coding.GSM7, "@"); err != nil || string(at) != "\x00" {
		t.Errorf("Encode(@) = % X, %v, want 00", at, err)
	}
	if space, err := coding.Encode(coding.GSM7, " "); err != nil || string(space) != " " {
		t.Errorf("Encode(space) = % X, %v, want 20", space, err)
	}
}

func TestGSMEscapes(t *testing.T) {
	// node-smpp B16: an escape at the end or in front of an unknown code stayed in the text as U+001B.
	for _, tt := range []struct{ name, octets, want string }{
		{"at the end", "A\x1B", "A "},
		{"alone", "\x1B", " "},
		{"unknown code", "\x1BA", "A"},
		{"unknown code of another character", "\x1B\x00", "@"},
		{"twice", "\x1B\x1B", " "},
		{"three times", "\x1B\x1B\x1B", "  "},
		{"twice, then a known code", "\x1B\x1Be", " e"},
		{"known code", "\x1Be", "\u20AC"},
		{"form feed", "\x1B\n", "\f"},
		{"carriage return", "\x1B\r", "\r"},
		{"octet above 0x7F", "\x1B\x80", "\uFFFD"},
		{"no escape, octet above 0x7F", "a\xFFb", "a\uFFFDb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := coding.Decode(coding.GSM7, []byte(tt.octets))
			if got != tt.want {
				t.Errorf("Decode(% X) = %q, want %q", tt.octets, got, tt.want)
			}
			if strings.ContainsRune(got, 0x1B) {
				t.Errorf("Decode(% X) = %q still has an escape", tt.octets, got)
			}
		})
	}
}

func TestNational(t *testing.T) {
	for _, tt := range []struct {
		name            string
		locking, single coding.Language
		want            string
		wantLocking     coding.Language
		wantSingle      coding.Language
	}{
		{"default", 0, 0, "GSM 7-bit", 0, 0},
		{"single", 0, coding.Turkish, "GSM 7-bit, Turkish single shift", 0, coding.Turkish},
		{"locking", coding.Hindi, 0, "GSM 7-bit, Hindi locking shift", coding.Hindi, 0},
		{"both", coding.Urdu, coding.Urdu, "GSM 7-bit, Urdu locking shift, Urdu single shift", coding.Urdu, coding.Urdu},
		{"Spanish has no locking table", coding.Spanish, coding.Spanish, "GSM 7-bit, Spanish single shift", 0, coding.Spanish},
		{"reserved languages are ignored", 14, 255, "GSM 7-bit", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := coding.National(tt.locking, tt.single)
			if g.String() != tt.want || g.Locking() != tt.wantLocking || g.Single() != tt.wantSingle {
				t.Errorf("National(%v, %v) = %v, %v, %v", tt.locking, tt.single, g, g.Locking(), g.Single())
			}
		})
	}
	if coding.National(0, 0) != coding.GSM7 {
		t.Error("National(0, 0) is not GSM7")
	}
	// Nothing stops a conversion to GSM; it must not panic.
	if got := coding.Decode(coding.GSM(0xFF), []byte("a\x1Be")); got != "a\u20AC" {
		t.Errorf("a reserved alphabet decodes to %q", got)
	}
	if got := coding.Language(14).String(); got != "language 14" {
		t.Errorf("Language(14) is %q", got)
	}
}
