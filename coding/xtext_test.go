package coding_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/godwit-sms/smpp/coding"
)

func TestEncoding(t *testing.T) {
	for _, cs := range charsets() {
		t.Run(cs.String(), func(t *testing.T) {
			e := coding.Encoding(cs)
			for _, text := range texts {
				want, err := coding.Encode(cs, text)
				if err != nil {
					continue
				}
				got, err := e.NewEncoder().Bytes([]byte(text))
				if err != nil || string(got) != string(want) {
					t.Errorf("encoder: %q is % X, %v, want % X", text, got, err, want)
				}
				back, err := e.NewDecoder().Bytes(want)
				if err != nil || string(back) != coding.Decode(cs, want) {
					t.Errorf("decoder: % X is %q, %v, want %q", want, back, err, text)
				}
			}
		})
	}
}

// Octet by octet, nothing may be torn apart.
func TestEncodingInPieces(t *testing.T) {
	for _, tt := range []struct {
		name string
		cs   coding.Charset
		text string
	}{
		{"GSM", coding.GSM7, strings.Repeat("a\u20AC\u0394[]", 3000)},
		{"UTF-16", coding.UTF16, strings.Repeat("a\u20AC\U0001F600", 3000)},
		{"Latin-1", coding.Latin1, strings.Repeat("a\u00E9", 3000)},
		{"Shift-JIS", coding.ShiftJIS, strings.Repeat("a\u65E5\uFF71\uE63E", 3000)},
		{"JIS X 0212", coding.JISX0212, strings.Repeat("a\u4E02\u65E5\uFF71", 3000)},
		{"EUC-KR", coding.EUCKR, strings.Repeat("a\uD55C", 3000)},
		{"ISO-2022-JP, as long as a message", coding.ISO2022JP, strings.Repeat("a\u65E5\uFF71", 60)},
		{"packed, as long as a message", coding.Packed{Header: 6}, strings.Repeat("a\u20AC", 60)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want, err := coding.Encode(tt.cs, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			e := coding.Encoding(tt.cs)
			one := func(r io.Reader) io.Reader { return iotest.OneByteReader(r) }
			octets, err := io.ReadAll(transform.NewReader(one(strings.NewReader(tt.text)), e.NewEncoder()))
			if err != nil || string(octets) != string(want) {
				t.Errorf("encoder: %d octets, %v, want %d", len(octets), err, len(want))
			}
			text, err := io.ReadAll(transform.NewReader(one(strings.NewReader(string(want))), e.NewDecoder()))
			if err != nil || string(text) != tt.text {
				t.Errorf("decoder: %d octets, %v, want %d", len(text), err, len(tt.text))
			}
		})
	}
}

func TestEncodingBroken(t *testing.T) {
	for _, tt := range []struct {
		name         string
		cs           coding.Charset
		octets, want string
	}{
		{"GSM escape at the end", coding.GSM7, "a\x1B", "a "},
		{"GSM escapes", coding.GSM7, "\x1B\x1B\x1Be", " \u20AC"},
		{"UTF-16 high surrogate at the end", coding.UTF16, "\x00a\xD8\x3D", "a\uFFFD"},
		{"UTF-16 high surrogate and an octet", coding.UTF16, "\xD8\x3D\xDE", "\uFFFD\uFFFD"},
		{"UTF-16 high surrogate, then a letter", coding.UTF16, "\xD8\x3D\x00a", "\uFFFDa"},
		{"UTF-16 odd octet", coding.UTF16, "\x00a\x00", "a\uFFFD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := transform.NewReader(iotest.OneByteReader(strings.NewReader(tt.octets)), coding.Encoding(tt.cs).NewDecoder())
			if got, err := io.ReadAll(r); err != nil || string(got) != tt.want {
				t.Errorf("% X is %q, %v, want %q", tt.octets, got, err, tt.want)
			}
		})
	}
}

func TestEncodingError(t *testing.T) {
	enc := coding.Encoding(coding.GSM7).NewEncoder()
	_, err := enc.String("abc\u0416")
	var e *coding.EncodeError
	if !errors.As(err, &e) || e.Rune != '\u0416' || e.Offset != 3 {
		t.Errorf("error is %v", err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"characters", "\u0416a\u0416", "?a?"},
		{"invalid UTF-8", "a\xFFb", "a?b"},
		{"torn UTF-8 at the end", "a\xE2\x82", "a??"},
	} {
		t.Run("replace "+tt.name, func(t *testing.T) {
			got, err := encoding.ReplaceUnsupported(coding.Encoding(coding.GSM7).NewEncoder()).String(tt.text)
			if err != nil || got != tt.want {
				t.Errorf("%q is %q, %v, want %q", tt.text, got, err, tt.want)
			}
		})
	}
	// What depends on what stands in front has a limit, and says so.
	long := strings.NewReader(strings.Repeat("a", 5000))
	if got, err := io.ReadAll(transform.NewReader(long, coding.Encoding(coding.Packed{}).NewEncoder())); err == nil {
		t.Errorf("packed: % X of a text that is too long for a reader", got)
	}
	if got, err := coding.Encoding(coding.Packed{}).NewEncoder().String(strings.Repeat("a", 8000)); err != nil || len(got) != 7000 {
		t.Errorf("packed: %d octets, %v, want 7000", len(got), err)
	}
	// An octet is no character of packed text, so that none can stand for what is missing.
	if got, err := encoding.ReplaceUnsupported(coding.Encoding(coding.Packed{}).NewEncoder()).String("a\u0416"); !errors.As(err, &e) {
		t.Errorf("packed: %q, %v", got, err)
	}
	if got, err := encoding.ReplaceUnsupported(coding.Encoding(coding.ISO2022JP).NewEncoder()).String("\u65E5\u0E01\u65E5"); err != nil ||
		coding.Decode(coding.ISO2022JP, []byte(got)) != "\u65E5?\u65E5" {
		t.Errorf("ISO-2022-JP: %q, %v", got, err)
	}
	// A single octet would put UTF-16 out of step.
	if got, err := encoding.ReplaceUnsupported(coding.Encoding(coding.UTF16).NewEncoder()).String("a\xFF"); !errors.As(err, &e) {
		t.Errorf("UTF-16: %q, %v", got, err)
	}
}

func TestFromEncoding(t *testing.T) {
	e := charmap.Windows1252
	cs := coding.FromEncoding("Windows-1252", e)
	if cs.String() != "Windows-1252" {
		t.Errorf("name is %q", cs)
	}
	if coding.Encoding(cs) != encoding.Encoding(e) {
		t.Error("Encoding(FromEncoding(e)) is not e")
	}
	if octets, err := coding.Encode(cs, "\u20AC\u2019"); err != nil || string(octets) != "\x80\x92" {
		t.Errorf("% X, %v", octets, err)
	}
	// A charset that went through x/text and back is what it was.
	for _, text := range texts {
		again := coding.FromEncoding("again", coding.Encoding(coding.GSM7))
		want, wantErr := coding.Encode(coding.GSM7, text)
		got, err := coding.Encode(again, text)
		if string(got) != string(want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%q: % X, %v, want % X, %v", text, got, err, want, wantErr)
		}
		var a, b *coding.EncodeError
		if errors.As(err, &a) && errors.As(wantErr, &b) && (a.Offset != b.Offset || a.Rune != b.Rune) {
			t.Errorf("%q: %v, want %v", text, a, b)
		}
		if len(text) < 100 {
			checkCut(t, again, text)
		}
	}
	t.Run("errors of the decoder", func(t *testing.T) {
		cs := coding.FromEncoding("BOM", unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM))
		if got := coding.Decode(cs, []byte("\x00a")); !strings.Contains(got, "\uFFFD") {
			t.Errorf("%q", got)
		}
		cs = coding.FromEncoding("nothing", nil)
		if got := coding.Decode(cs, []byte("a\xFF\xFE")); got != "a\uFFFD\uFFFD" {
			t.Errorf("%q", got)
		}
	})
}

// TestUTF16Differential compares with x/text.
func TestUTF16Differential(t *testing.T) {
	other := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	for r := rune(0); r <= 0x10FFFF; r++ {
		if r >= 0xD800 && r < 0xE000 {
			continue
		}
		if r > 0x3000 && r%61 != 0 && r&0xFFFE != 0xFFFE {
			continue
		}
		want, err := other.NewEncoder().String(string(r))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := coding.Encode(coding.UTF16, string(r)); err != nil || string(got) != want {
			t.Errorf("%U is % X, %v, want % X", r, got, err, want)
		}
		if got := coding.Decode(coding.UTF16, []byte(want)); got != string(r) {
			t.Errorf("% X is %q, want %U", want, got, r)
		}
	}
}
