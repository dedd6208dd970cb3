package coding_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"

	"github.com/godwit-sms/smpp/coding"
)

// TestEastAsianDifferential compares with golang.org/x/text, for every character and for every code.
func TestEastAsianDifferential(t *testing.T) {
	for _, tt := range []struct {
		cs    coding.Charset
		other encoding.Encoding
	}{
		{coding.JISX0208, japanese.ShiftJIS},
		{coding.ShiftJIS, japanese.ShiftJIS},
		{coding.JISX0212, japanese.EUCJP},
		{coding.ISO2022JP, japanese.ISO2022JP},
		{coding.EUCKR, korean.EUCKR},
	} {
		t.Run(tt.cs.String(), func(t *testing.T) {
			enc, dec := tt.other.NewEncoder(), tt.other.NewDecoder()
			same := 0
			for r := rune(0); r < 0x11000; r++ {
				if !utf8.ValidRune(r) {
					continue
				}
				pictogram := tt.cs == coding.ShiftJIS && r >= 0xE000 && r <= 0xE757 // which x/text does not have
				want, err := enc.String(string(r))
				if back, _ := dec.String(want); back != string(r) {
					err = encoding.ErrInvalidUTF8 // what does not come back is not written here
				}
				got, ourErr := coding.Encode(tt.cs, string(r))
				switch {
				case r == 0x1B && tt.cs != coding.EUCKR, r == utf8.RuneError:
					if ourErr == nil {
						t.Errorf("Encode(%U) = % X", r, got)
					}
				case pictogram:
					if ourErr != nil || len(got) != 2 || coding.Decode(tt.cs, got) != string(r) {
						t.Errorf("Encode(%U) = % X, %v", r, got, ourErr)
					}
				case (err == nil) != (ourErr == nil) || err == nil && string(got) != want:
					t.Errorf("Encode(%U) = % X, %v, want % X, %v", r, got, ourErr, want, err)
				case err == nil:
					same++
					if back := coding.Decode(tt.cs, got); back != string(r) {
						t.Errorf("Decode(% X) = %q, want %q", got, back, r)
					}
				}
			}
			if same < 7000 {
				t.Errorf("only %d characters", same)
			}
			codes := 0
			compare := func(octets ...byte) {
				want, err := dec.Bytes(octets)
				if err != nil || strings.ContainsRune(string(want), utf8.RuneError) {
					return
				}
				codes++
				if got := coding.Decode(tt.cs, octets); got != string(want) {
					t.Errorf("Decode(% X) = %q, want %q", octets, got, want)
				}
			}
			for a := range 256 {
				if a == 0x1B {
					continue
				}
				compare(byte(a))
				for b := range 256 {
					if b == 0x1B {
						continue
					}
					if tt.cs == coding.ISO2022JP {
						if a < 0x21 || a >= 0x7F || b < 0x21 || b >= 0x7F {
							continue // no half of a character
						}
						for _, sequence := range []string{"\x1B(B", "\x1B(J", "\x1B(I", "\x1B$@", "\x1B$B", "\x1B$(D"} {
							compare(append([]byte(sequence), byte(a), byte(b))...)
						}
						continue
					}
					compare(byte(a), byte(b))
					compare(0x8F, byte(a), byte(b))
				}
			}
			if codes < 7000 {
				t.Errorf("only %d codes", codes)
			}
		})
	}
}

func TestEastAsian(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cs     coding.Charset
		text   string
		octets string
	}{
		{"JIS X 0208", coding.JISX0208, "\u65E5\u672C \uFF71a", "\x93\xFA\x96{ \xB1a"},
		{"pictogram", coding.ShiftJIS, "\uE63E!", "\xF8\x9F!"},
		{"first and last pictogram", coding.ShiftJIS, "\uE000\uE757", "\xF0\x40\xF9\xFC"},
		{"ISO-2022-JP", coding.ISO2022JP, "a\u65E5\uFF71b", "a\x1B$BF|\x1B(I1\x1B(Bb"},
		{"ISO-2022-JP goes back at the end", coding.ISO2022JP, "\u65E5", "\x1B$BF|\x1B(B"},
		{"JIS X 0212", coding.JISX0212, "\u4E02\u65E5\uFF71a", "\x8F\xB0\xA1\xC6\xFC\x8E\xB1a"},
		{"KS C 5601", coding.EUCKR, "\uD55C a", "\xC7\xD1 a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			octets, err := coding.Encode(tt.cs, tt.text)
			if string(octets) != tt.octets || err != nil {
				t.Errorf("Encode(%q) = % X, %v, want % X", tt.text, octets, err, tt.octets)
			}
			if back := coding.Decode(tt.cs, []byte(tt.octets)); back != tt.text {
				t.Errorf("Decode(% X) = %q, want %q", tt.octets, back, tt.text)
			}
			checkCut(t, tt.cs, tt.text)
		})
	}
	for _, tt := range []struct {
		name         string
		cs           coding.Charset
		octets, want string
	}{
		{"ISO-2022-JP as JIS X 0208", coding.JISX0208, "a\x1B$BF|\x1B(Bb", "a\u65E5b"},
		{"ISO-2022-JP as pictograms", coding.ShiftJIS, "\x1B$BF|\x1B(B\xF8\x9F", "\u65E5\uE63E"},
		{"JIS X 0212 by escape", coding.JISX0212, "\x1B$(D0!\x1B(B", "\u4E02"},
		{"Shift-JIS as ISO-2022-JP", coding.ISO2022JP, "\x93\xFA\x96{", "\u65E5\u672C"},
		{"JIS X 0208 of 1990 says so", coding.ISO2022JP, "\x1B&@\x1B$BF|", "\u65E5"},
		{"four-octet sequence", coding.ISO2022JP, "\x1B$(BF|", "\u65E5"},
		{"a line begins with ASCII", coding.ISO2022JP, "\x1B$BF|\nF|", "\u65E5\nF|"},
		{"space between", coding.ISO2022JP, "\x1B$BF| F|", "\u65E5 \u65E5"},
		{"half a character", coding.ISO2022JP, "\x1B$BF|F", "\u65E5\uFFFD"},
		{"half a character in front of a sequence", coding.ISO2022JP, "\x1B$BF\x1B(BA", "\uFFFDA"},
		{"no sequence", coding.ISO2022JP, "\x1Bxy", "\uFFFDxy"},
		{"sequence cut off", coding.ISO2022JP, "a\x1B$", "a\uFFFD$"},
		{"no katakana", coding.ISO2022JP, "\x1B(Iaz", "\uFFFD\uFFFD"},
		{"Shift-JIS cut off", coding.ShiftJIS, "a\x93", "a\uFFFD"},
		{"Shift-JIS, ASCII goes with what follows", coding.ShiftJIS, "\x93\x20a", "\uFFFD a"},
		{"Shift-JIS, no lead", coding.ShiftJIS, "\xFFa", "\uFFFDa"},
		{"EUC-JP cut off", coding.JISX0212, "\x8F\xB0", "\uFFFD\uFFFD"},
		{"EUC-JP, second octet is ASCII", coding.JISX0212, "\xB0a", "\uFFFDa"},
		{"EUC-JP, third octet is ASCII", coding.JISX0212, "\x8F\xB0!", "\uFFFD\uFFFD!"},
		{"EUC-KR cut off", coding.EUCKR, "\xC7\xD1\xC7", "\uD55C\uFFFD"},
		{"EUC-KR has no escape sequences", coding.EUCKR, "\x1B$B", "\x1B$B"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := coding.Decode(tt.cs, []byte(tt.octets)); got != tt.want {
				t.Errorf("Decode(% X) = %q, want %q", tt.octets, got, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		cs   coding.Charset
		text string
	}{
		{coding.JISX0208, "\uE63E"}, {coding.JISX0208, "\x1B"}, {coding.ShiftJIS, "\x1B"}, {coding.JISX0212, "\x1B"},
		{coding.ISO2022JP, "\x1B"}, {coding.ISO2022JP, "\u4E02"}, {coding.ShiftJIS, "\u4E02"}, {coding.EUCKR, "\uFF71"},
		{coding.ISO2022JP, "\U0001F600"}, {coding.EUCKR, "\U0001F600"}, {coding.ShiftJIS, "a\xFF"},
	} {
		if octets, err := coding.Encode(tt.cs, tt.text); err == nil {
			t.Errorf("%v: Encode(%q) = % X", tt.cs, tt.text, octets)
		}
	}
}

// Each part of a text cut at any place is a text of its own, whatever stood in front.
func TestEastAsianParts(t *testing.T) {
	text := strings.Repeat("a\u65E5\u672C\uFF71\u8A9E b", 8)
	for _, cs := range []coding.Charset{coding.JISX0208, coding.ShiftJIS, coding.ISO2022JP, coding.JISX0212} {
		for limit := 9; limit < 40; limit++ {
			var joined string
			for rest := text; rest != ""; {
				n := coding.Cut(cs, rest, limit)
				octets, err := coding.Encode(cs, rest[:n])
				if n == 0 || err != nil || len(octets) > limit {
					t.Fatalf("%v: Cut(%q, %d) = %d: % X, %v", cs, rest, limit, n, octets, err)
				}
				joined += coding.Decode(cs, octets)
				rest = rest[n:]
			}
			if joined != text {
				t.Fatalf("%v: parts of %d octets say %q, want %q", cs, limit, joined, text)
			}
		}
	}
}

func FuzzEastAsian(f *testing.F) {
	f.Add([]byte("a\x1B$BF|\x1B(I1\x1B(B\x1B$(D0!\x1B&@\x93\xFA\xF8\x9F"))
	f.Add([]byte("\x8F\xB0\xA1\xC6\xFC\x8E\xB1\xFF\x80"))
	f.Add([]byte("\u65E5\u672C\uFF71\uD55C\uE63E"))
	f.Fuzz(func(t *testing.T, octets []byte) {
		for _, cs := range []coding.Charset{coding.JISX0208, coding.ShiftJIS, coding.ISO2022JP, coding.JISX0212, coding.EUCKR} {
			text, written := checkStable(t, cs, octets)
			if back, err := coding.Encoding(cs).NewDecoder().Bytes(octets); err != nil || string(back) != text {
				t.Fatalf("%v: % X is %q for x/text, %v, want %q", cs, octets, back, err, text)
			}
			if written && strings.ContainsRune(text, utf8.RuneError) {
				t.Fatalf("%v: U+FFFD was written", cs)
			}
			// The octets as text.
			raw := string(octets)
			got, err := coding.Encode(cs, raw)
			if units, ok := coding.Len(cs, raw); ok != (err == nil) || ok && units != len(got) {
				t.Fatalf("%v: Len(%q) = %d, %t; % X, %v", cs, raw, units, ok, got, err)
			}
			if err == nil && coding.Decode(cs, got) != raw {
				t.Fatalf("%v: %q is % X, which is %q", cs, raw, got, coding.Decode(cs, got))
			}
		}
	})
}
