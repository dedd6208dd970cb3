package coding_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"

	"github.com/godwit-sms/smpp/coding"
)

func charsets() []coding.Charset {
	return []coding.Charset{
		coding.GSM7,
		coding.National(coding.Turkish, coding.Turkish),
		coding.National(coding.Hindi, coding.Hindi),
		coding.ASCII, coding.Latin1, coding.Binary, coding.UTF16, coding.ISO8859_5, coding.ISO8859_8,
		coding.JISX0208, coding.ShiftJIS, coding.JISX0212, coding.EUCKR, coding.ISO2022JP,
		coding.Packed{}, coding.Packed{Alphabet: coding.National(coding.Hindi, coding.Turkish), Header: 6},
		coding.FromEncoding("x/text EUC-KR", korean.EUCKR),
		coding.FromEncoding("x/text ISO-2022-JP", japanese.ISO2022JP),
	}
}

// texts are ones that every function gets, whatever the charset.
var texts = []string{
	"",
	"hello",
	"@\u00A3$\u00A5 {[~]} \\ | ^ \u20AC\f",
	"gar\u00E7on \u00C7a",
	"\u0416\u0438\u0432\u0430\u0433\u043E",
	"\u05E9\u05DC\u05D5\u05DD",
	"\u0928\u092E\u0938\u094D\u0924\u0947",
	"\U0001F600\U0001F468\u200D\U0001F469",
	"a\xFFb",
	"\xF0\x9F\x98",
	"\x00\x1B\x7F",
	"\uFFFD\uFEFF\uFFFE",
	"\u65E5\u672C\u8A9E text \u65E5\u672C\u8A9E",
	"\uD55C\uAD6D\uC5B4",
	"\uE63E \uE757 \uFF71\uFF72 \u6F22\n\uFF76",
	"\u4E02\u02D8 \u65E5",
	"1234567\r\r",
	"\u0080\u009F\u00FF\u0100",
	strings.Repeat("0123456789", 16) + "\u20AC",
	strings.Repeat("\u00E9", 160),
}

func TestEncodeDecode(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cs     coding.Charset
		text   string
		octets string
	}{
		{"GSM letters", coding.GSM7, "Hi @\u20AC", "Hi \x00\x1Be"},
		{"ASCII", coding.ASCII, "@a\x7F", "@a\x7F"},
		{"Latin-1", coding.Latin1, "\u00E9\u00FF\u0080", "\xE9\xFF\x80"},
		{"binary", coding.Binary, "\x00\u0080\u00FF", "\x00\x80\xFF"},
		{"UTF-16", coding.UTF16, "a\u00E9\u20AC", "\x00a\x00\xE9\x20\xAC"},
		{"UTF-16 surrogates", coding.UTF16, "\U0001F600", "\xD8\x3D\xDE\x00"},
		{"UTF-16 replacement character", coding.UTF16, "\uFFFD", "\xFF\xFD"},
		{"UTF-16 byte order mark", coding.UTF16, "\uFEFFa", "\xFE\xFF\x00a"},
		{"UTF-16 last character", coding.UTF16, "\U0010FFFF", "\xDB\xFF\xDF\xFF"},
		{"ISO 8859-5", coding.ISO8859_5, "a\u0416", "a\xB6"},
		{"ISO 8859-8", coding.ISO8859_8, "a\u05D0", "a\xE0"},
		{"EUC-KR", coding.FromEncoding("EUC-KR", korean.EUCKR), "a\uAC00", "a\xB0\xA1"},
		{"ISO-2022-JP", coding.FromEncoding("ISO-2022-JP", japanese.ISO2022JP), "\u65E5", "\x1B$BF|\x1B(B"},
		{"nil is GSM", nil, "@", "\x00"},
		{"empty", coding.UTF16, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			octets, err := coding.Encode(tt.cs, tt.text)
			if err != nil || string(octets) != tt.octets {
				t.Errorf("Encode(%q) = % X, %v, want % X", tt.text, octets, err, tt.octets)
			}
			if text := coding.Decode(tt.cs, []byte(tt.octets)); text != tt.text {
				t.Errorf("Decode(% X) = %q, want %q", tt.octets, text, tt.text)
			}
			if units, ok := coding.Len(tt.cs, tt.text); units != len(tt.octets) || !ok {
				t.Errorf("Len(%q) = %d, %t, want %d", tt.text, units, ok, len(tt.octets))
			}
		})
	}
}

func TestDecodeBroken(t *testing.T) {
	for _, tt := range []struct {
		name         string
		cs           coding.Charset
		octets, want string
	}{
		{"UTF-16 odd octet at the end", coding.UTF16, "\x00a\x00", "a\uFFFD"},
		{"UTF-16 single octet", coding.UTF16, "a", "\uFFFD"},
		{"UTF-16 lone high surrogate", coding.UTF16, "\xD8\x3D\x00a", "\uFFFDa"},
		{"UTF-16 high surrogate at the end", coding.UTF16, "\x00a\xD8\x3D", "a\uFFFD"},
		{"UTF-16 high surrogate and an octet", coding.UTF16, "\xD8\x3D\xDE", "\uFFFD\uFFFD"},
		{"UTF-16 lone low surrogate", coding.UTF16, "\xDE\x00\x00a", "\uFFFDa"},
		{"UTF-16 two high surrogates and a low one", coding.UTF16, "\xD8\x3D\xD8\x3D\xDE\x00", "\uFFFD\U0001F600"},
		{"UTF-16 low surrogate first", coding.UTF16, "\xDE\x00\xD8\x3D", "\uFFFD\uFFFD"},
		{"ASCII above 0x7F", coding.ASCII, "a\x80\xFFb", "a\uFFFD\uFFFDb"},
		{"ISO 8859-8 without character", coding.ISO8859_8, "\xBF", "\uFFFD"},
		{"EUC-KR half a character", coding.FromEncoding("EUC-KR", korean.EUCKR), "a\xB0", "a\uFFFD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := coding.Decode(tt.cs, []byte(tt.octets)); got != tt.want {
				t.Errorf("Decode(% X) = %q, want %q", tt.octets, got, tt.want)
			}
		})
	}
}

func TestEncodeError(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cs     coding.Charset
		text   string
		offset int
		want   string
	}{
		{"ASCII", coding.ASCII, "caf\u00E9", 3, "coding: U+00E9 '\u00E9' at byte 3 is not in ASCII"},
		{"Latin-1", coding.Latin1, "\u00E9\u20AC", 2, "coding: U+20AC '\u20AC' at byte 2 is not in ISO 8859-1"},
		{"binary", coding.Binary, "\u0100", 0, "coding: U+0100 '\u0100' at byte 0 is not in 8-bit binary"},
		{"binary, invalid UTF-8", coding.Binary, "a\xFF", 1, "coding: text is not valid UTF-8 at byte 1"},
		{"UTF-16, invalid UTF-8", coding.UTF16, "\u20AC\xED\xA0\x80", 3, "coding: text is not valid UTF-8 at byte 3"},
		{"ISO 8859-5", coding.ISO8859_5, "\u0416\u05D0", 2, "coding: U+05D0 '\u05D0' at byte 2 is not in ISO 8859-5"},
		{"ISO 8859-8", coding.ISO8859_8, "\uFFFD", 0, "coding: U+FFFD '\uFFFD' at byte 0 is not in ISO 8859-8"},
		{"EUC-KR", coding.FromEncoding("EUC-KR", korean.EUCKR), "\uAC00\u05D0", 3, "coding: U+05D0 '\u05D0' at byte 3 is not in EUC-KR"},
		{"ISO-2022-JP, invalid UTF-8", coding.FromEncoding("ISO-2022-JP", japanese.ISO2022JP), "\u65E5\xFF", 3, "coding: text is not valid UTF-8 at byte 3"},
		{"EUC-KR, the first of two errors", coding.FromEncoding("EUC-KR", korean.EUCKR), "\u05D0\xFF", 0, "coding: U+05D0 '\u05D0' at byte 0 is not in EUC-KR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.cs.AppendEncode([]byte("kept"), tt.text)
			var e *coding.EncodeError
			if !errors.As(err, &e) || err.Error() != tt.want || e.Offset != tt.offset || e.Charset != tt.cs {
				t.Errorf("AppendEncode(%q) error is %v, want %s", tt.text, err, tt.want)
			}
			if string(got) != "kept" {
				t.Errorf("dst is %q afterwards, want it as it was", got)
			}
			if octets, err := coding.Encode(tt.cs, tt.text); octets != nil || err == nil {
				t.Errorf("Encode(%q) = % X, %v", tt.text, octets, err)
			}
			if units, ok := coding.Len(tt.cs, tt.text); ok {
				t.Errorf("Len(%q) = %d, true", tt.text, units)
			}
			if n := coding.Cut(tt.cs, tt.text, 1000); n != tt.offset {
				t.Errorf("Cut(%q, 1000) = %d, want %d", tt.text, n, tt.offset)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		name string
		cs   coding.Charset
		text string
		max  int
		want int
	}{
		{"all of it", coding.GSM7, "hello", 160, 5},
		{"exactly", coding.GSM7, "hello", 5, 5},
		{"too long", coding.GSM7, "hello", 4, 4},
		{"nothing", coding.GSM7, "hello", 0, 0},
		{"negative", coding.GSM7, "hello", -1, 0},
		{"not within an escape sequence", coding.GSM7, "abc\u20AC", 4, 3},
		{"behind an escape sequence", coding.GSM7, "abc\u20ACd", 5, 6},
		{"first character does not fit", coding.GSM7, "\u20AC", 1, 0},
		{"UTF-16", coding.UTF16, "hello", 4, 2},
		{"UTF-16 odd limit", coding.UTF16, "hello", 5, 2},
		{"not within a surrogate pair", coding.UTF16, "a\U0001F600", 4, 1},
		{"behind a surrogate pair", coding.UTF16, "a\U0001F600b", 6, 5},
		{"Latin-1", coding.Latin1, "\u00E9\u00E9\u00E9", 2, 4},
		{"ISO 8859-5", coding.ISO8859_5, "\u0416\u0416", 1, 2},
		{"EUC-KR", coding.FromEncoding("EUC-KR", korean.EUCKR), "a\uAC00\uAC00", 4, 4},
		{"ISO-2022-JP with its escapes", coding.FromEncoding("ISO-2022-JP", japanese.ISO2022JP), "\u65E5\u65E5", 9, 3},
		{"ISO-2022-JP first does not fit", coding.FromEncoding("ISO-2022-JP", japanese.ISO2022JP), "\u65E5\u65E5", 7, 0},
		{"nil is GSM", nil, "\u20AC\u20AC", 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := coding.Cut(tt.cs, tt.text, tt.max); got != tt.want {
				t.Errorf("Cut(%q, %d) = %d, want %d", tt.text, tt.max, got, tt.want)
			}
		})
	}
}

// checkCut compares Len and Cut with what Encode does.
func checkCut(t *testing.T, cs coding.Charset, text string) {
	t.Helper()
	all, err := coding.Encode(cs, text)
	units, ok := coding.Len(cs, text)
	if ok != (err == nil) || ok && units != len(all) {
		t.Fatalf("%v: Len(%q) = %d, %t; Encode takes %d octets, %v", cs, text, units, ok, len(all), err)
	}
	for limit := 0; limit <= units+1; limit++ {
		n := coding.Cut(cs, text, limit)
		head, err := coding.Encode(cs, text[:n])
		if err != nil || len(head) > limit {
			t.Fatalf("%v: Cut(%q, %d) = %d: %d octets, %v", cs, text, limit, n, len(head), err)
		}
		if n == len(text) {
			continue
		}
		_, size := utf8.DecodeRuneInString(text[n:])
		if more, err := coding.Encode(cs, text[:n+size]); err == nil && len(more) <= limit {
			t.Fatalf("%v: Cut(%q, %d) = %d, but %d fit", cs, text, limit, n, n+size)
		}
	}
}

func TestAllTexts(t *testing.T) {
	for _, cs := range charsets() {
		t.Run(cs.String(), func(t *testing.T) {
			for _, text := range texts {
				checkCut(t, cs, text)
				octets, err := coding.Encode(cs, text)
				if err != nil || cs.String() == "x/text ISO-2022-JP" && strings.Contains(text, "\x1B") {
					continue // golang.org/x/text lets a bare escape through, which is part of the octets there
				}
				if back := coding.Decode(cs, octets); back != text {
					t.Errorf("Decode(Encode(%q)) = %q", text, back)
				}
				// The buffer decides nothing but who pays for the memory.
				for _, room := range []int{0, 1, 2, 3, len(octets) - 1, len(octets), len(octets) + 3} {
					room = max(room, 0)
					if got, err := cs.AppendEncode(make([]byte, 1, 1+room), text); err != nil || string(got[1:]) != string(octets) {
						t.Errorf("AppendEncode(%q) with room for %d: % X, %v, want % X", text, room, got, err, octets)
					}
					if got := cs.AppendDecode(make([]byte, 1, 1+room), octets); string(got[1:]) != text {
						t.Errorf("AppendDecode(% X) with room for %d: %q, want %q", octets, room, got[1:], text)
					}
				}
			}
		})
	}
}

func TestBinaryKeepsEveryOctet(t *testing.T) {
	var octets []byte
	for o := range 256 {
		octets = append(octets, byte(o))
	}
	for _, cs := range []coding.Charset{coding.Binary, coding.Latin1} {
		if back, err := coding.Encode(cs, coding.Decode(cs, octets)); err != nil || string(back) != string(octets) {
			t.Errorf("%v: % X, %v", cs, back, err)
		}
	}
}

func TestChoose(t *testing.T) {
	turkish := coding.National(coding.DefaultLanguage, coding.Turkish)
	hindi := coding.National(coding.Hindi, coding.DefaultLanguage)
	list := func(cs ...coding.Charset) []coding.Charset { return cs }
	for _, tt := range []struct {
		name    string
		text    string
		allowed []coding.Charset
		want    coding.Charset
	}{
		{"empty", "", nil, coding.GSM7},
		{"GSM", "hello \u20AC", nil, coding.GSM7},
		{"UTF-16", "\u0416", nil, coding.UTF16},
		{"one character that GSM lacks", strings.Repeat("a", 159) + "\u00E7", nil, coding.UTF16},
		{"nothing carries it", "\xFF", nil, nil},
		{"not allowed", "\u0416", list(coding.GSM7, coding.Latin1), nil},
		{"septets are cheaper than octets", "hello hello", list(coding.Latin1, coding.GSM7), coding.GSM7},
		{"escapes are dearer than octets", "[[[[]]]]", list(coding.GSM7, coding.Latin1), coding.Latin1},
		{"Latin-1 before UTF-16", "gar\u00E7on", list(coding.GSM7, coding.UTF16, coding.Latin1), coding.Latin1},
		{"the earlier of two", "abc", list(coding.Latin1, coding.ASCII), coding.Latin1},
		{"header of national tables counts", "\u015F", list(coding.GSM7, turkish, coding.UTF16), coding.UTF16},
		{"national tables pay", "\u015Fimdi \u015Fimdi", list(coding.GSM7, turkish, coding.UTF16), turkish},
		{"national tables are not needed", "simdi", list(turkish, coding.GSM7), coding.GSM7},
		{"locking table pays", "\u0928\u092E\u0938\u094D\u0924\u0947", list(coding.GSM7, coding.UTF16, hindi), hindi},
		{"nil is GSM", "a", list(nil, coding.UTF16), coding.GSM7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := coding.Choose(tt.text, tt.allowed...)
			if got != tt.want || ok != (tt.want != nil) {
				t.Errorf("Choose(%q) = %v, %t, want %v", tt.text, got, ok, tt.want)
			}
		})
	}
}

func TestAllocations(t *testing.T) {
	gsm := strings.Repeat("0123456789abcdef", 9) + "[\u00E9\u00E8\u20AC\u0394\u03A6]{|}"
	if units, ok := coding.Len(coding.GSM7, gsm); units != 160 || !ok {
		t.Fatalf("the text has %d units, %t", units, ok)
	}
	for _, tt := range []struct {
		name string
		cs   coding.Charset
		text string
	}{
		{"GSM", coding.GSM7, gsm},
		{"GSM two-octet UTF-8", coding.GSM7, strings.Repeat("\u00E9", 160)},
		{"Hindi", coding.National(coding.Hindi, coding.Hindi), strings.Repeat("\u0928", 160)},
		{"ASCII", coding.ASCII, strings.Repeat("a", 160)},
		{"Latin-1", coding.Latin1, strings.Repeat("\u00E9", 140)},
		{"binary", coding.Binary, strings.Repeat("\u00FF", 140)},
		{"UTF-16", coding.UTF16, strings.Repeat("\u65E5", 68) + "\U0001F600"},
		{"ISO 8859-5", coding.ISO8859_5, strings.Repeat("\u0416", 140)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			octets, err := coding.Encode(tt.cs, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			// Buffers of exactly the size: no more may be asked for.
			out, text := make([]byte, 0, len(octets)), make([]byte, 0, len(tt.text))
			for what, f := range map[string]func(){
				"AppendEncode":  func() { _, _ = tt.cs.AppendEncode(out, tt.text) },
				"AppendDecode":  func() { tt.cs.AppendDecode(text, octets) },
				"Len":           func() { coding.Len(tt.cs, tt.text) },
				"Cut":           func() { coding.Cut(tt.cs, tt.text, 70) },
				"Choose":        func() { coding.Choose(tt.text) },
				"ForDataCoding": func() { coding.ForDataCoding(0x19, tt.cs) },
			} {
				if n := testing.AllocsPerRun(100, f); n != 0 {
					t.Errorf("%s allocates %v times, want 0", what, n)
				}
			}
			if n := testing.AllocsPerRun(100, func() { _, _ = coding.Encode(tt.cs, tt.text) }); n > 1 && !raceEnabled {
				t.Errorf("Encode allocates %v times, want 1", n)
			}
		})
	}
	octets, _ := coding.Encode(coding.GSM7, gsm)
	if n := testing.AllocsPerRun(100, func() { coding.Decode(coding.GSM7, octets) }); n > 1 {
		t.Errorf("Decode allocates %v times, want 1", n)
	}
}
