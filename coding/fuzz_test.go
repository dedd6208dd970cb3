package coding_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
)

// checkStable decodes octets and wants the text to survive another round, if it can be written at all.
func checkStable(t *testing.T, cs coding.Charset, octets []byte) (text string, written bool) {
	t.Helper()
	text = coding.Decode(cs, octets)
	if !utf8.ValidString(text) {
		t.Fatalf("%v: % X decodes to invalid UTF-8 %q", cs, octets, text)
	}
	again, err := coding.Encode(cs, text)
	if err != nil {
		return text, false
	}
	if back := coding.Decode(cs, again); back != text {
		t.Fatalf("%v: % X is %q, which becomes % X and then %q", cs, octets, text, again, back)
	}
	if head := text[:min(len(text), 40)]; utf8.ValidString(head) {
		checkCut(t, cs, head)
	}
	return text, true
}

func FuzzGSM7(f *testing.F) {
	tables := readJSON[*alphabets](f, "gsm0338.json")
	f.Add(uint8(0), uint8(0), []byte("hello\x1Be\x1B\x1B\x1B"))
	f.Add(uint8(1), uint8(1), []byte("\x04\x1Bs\x0B\x80\xFF"))
	f.Add(uint8(6), uint8(13), []byte("/BL_'Y \x1B"))
	f.Add(uint8(2), uint8(200), []byte{})
	f.Fuzz(func(t *testing.T, locking, single uint8, octets []byte) {
		g := coding.National(coding.Language(locking), coding.Language(single))
		text, _ := checkStable(t, g, octets)
		if want := tables.decode(g, octets); text != want {
			t.Fatalf("%v: % X is %q, want %q", g, octets, text, want)
		}
		// The same octets as text.
		raw := string(octets)
		var want []byte
		missing := -1
		for i, r := range raw {
			one := tables.encode(g, r)
			if one == nil {
				missing = i
				break
			}
			want = append(want, one...)
		}
		got, err := coding.Encode(g, raw)
		switch {
		case missing < 0 && (err != nil || string(got) != string(want)):
			t.Fatalf("%v: %q is % X, %v, want % X", g, raw, got, err, want)
		case missing >= 0:
			var e *coding.EncodeError
			if !errors.As(err, &e) || e.Offset != missing {
				t.Fatalf("%v: %q is % X, %v, want an error at %d", g, raw, got, err, missing)
			}
		}
	})
}

func FuzzUTF16(f *testing.F) {
	f.Add([]byte("\x00a\x20\xAC\xD8\x3D\xDE\x00"))
	f.Add([]byte("\xD8\x3D\xD8\x3D\xDE\x00\xDE\x00\x00"))
	f.Add([]byte("\xFE\xFF\xFF\xFE"))
	f.Fuzz(func(t *testing.T, octets []byte) {
		text, written := checkStable(t, coding.UTF16, octets)
		if !written {
			t.Fatalf("% X is %q, which cannot be written", octets, text)
		}
		var units []uint16
		for i := 0; i+1 < len(octets); i += 2 {
			units = append(units, binary.BigEndian.Uint16(octets[i:]))
		}
		want := string(utf16.Decode(units))
		if len(octets)%2 != 0 {
			want += "\uFFFD"
		}
		if text != want {
			t.Fatalf("% X is %q, want %q", octets, text, want)
		}
		raw := string(octets)
		if got, err := coding.Encode(coding.UTF16, raw); (err == nil) != utf8.ValidString(raw) {
			t.Fatalf("%q is % X, %v", raw, got, err)
		}
	})
}

func FuzzDataCoding(f *testing.F) {
	for _, dc := range []uint8{0, 1, 3, 4, 5, 6, 7, 8, 0x18, 0x20, 0x48, 0xC8, 0xE0, 0xF5} {
		f.Add(dc, uint8(0), []byte("hello \x1Be\xD8\x3D\xDE\x00"))
	}
	all := charsets()
	f.Fuzz(func(t *testing.T, dc, def uint8, octets []byte) {
		d := coding.ParseGSM(dc)
		if d.Charset == nil {
			t.Fatalf("ParseGSM(%#02x) has no charset", dc)
		}
		if octet, err := d.DataCoding(); err == nil && coding.ParseGSM(octet) != d {
			t.Fatalf("%#02x becomes %#02x", dc, octet)
		}
		cs, ok := coding.ForDataCoding(dc, all[int(def)%len(all)])
		if !ok && cs != coding.Binary {
			t.Fatalf("%#02x is %v", dc, cs)
		}
		if strings.HasPrefix(cs.String(), "x/text") {
			coding.Decode(cs, octets) // what x/text makes of it is not ours to judge
			return
		}
		text, written := checkStable(t, cs, octets)
		if (cs == coding.Binary || cs == coding.Latin1) && (!written || utf8.RuneCountInString(text) != len(octets)) {
			t.Fatalf("%v lost octets of % X: %q", cs, octets, text)
		}
	})
}

func FuzzChoose(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, allowed := range [][]coding.Charset{nil, {coding.UTF16, coding.GSM7}, charsets()[:9]} {
			cs, ok := coding.Choose(text, allowed...)
			if ok != utf8.ValidString(text) || ok != (cs != nil) {
				t.Fatalf("Choose(%q) = %v, %t", text, cs, ok)
			}
			if !ok {
				continue
			}
			octets, err := coding.Encode(cs, text)
			if err != nil || coding.Decode(cs, octets) != text {
				t.Fatalf("%v: %q is % X, %v", cs, text, octets, err)
			}
			e := coding.Encoding(cs)
			if got, err := e.NewEncoder().String(text); err != nil || got != string(octets) {
				t.Fatalf("%v: %q is % X for x/text, %v, want % X", cs, text, got, err, octets)
			}
			if got, err := e.NewDecoder().Bytes(octets); err != nil || string(got) != text {
				t.Fatalf("%v: % X is %q for x/text, %v, want %q", cs, octets, got, err, text)
			}
		}
	})
}
