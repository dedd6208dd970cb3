package coding_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/coding"
)

// packBits is the rule of 3GPP TS 23.038, 6.1.2.1, bit by bit, to compare with.
func packBits(septets []byte, fill int) []byte {
	if len(septets) == 0 {
		return nil
	}
	octets := make([]byte, (fill+7*len(septets)+7)/8)
	for i, s := range septets {
		for bit := range 7 {
			at := fill + 7*i + bit
			octets[at/8] |= s >> bit & 1 << (at % 8)
		}
	}
	return octets
}

func unpackBits(octets []byte, fill int) []byte {
	var septets []byte
	for start := fill; start+7 <= 8*len(octets); start += 7 {
		var s byte
		for bit := range 7 {
			at := start + bit
			s |= octets[at/8] >> (at % 8) & 1 << bit
		}
		septets = append(septets, s)
	}
	return septets
}

// patterns are septets of every length up to longer than a message.
func patterns() [][]byte {
	var all [][]byte
	seed := uint32(1)
	for n := range 200 {
		s := make([]byte, n)
		for i := range s {
			seed = seed*1664525 + 1013904223
			s[i] = byte(seed >> 25)
		}
		all = append(all, s)
	}
	return all
}

func TestPack(t *testing.T) {
	for _, septets := range patterns() {
		for fill := range 8 {
			want := packBits(septets, fill)
			got := coding.AppendPack([]byte("kept"), septets, fill)
			if string(got) != "kept"+string(want) {
				t.Fatalf("AppendPack(% X, %d) = % X, want % X", septets, fill, got[4:], want)
			}
			if n := coding.PackedLen(len(septets), fill); n != len(want) {
				t.Fatalf("PackedLen(%d, %d) = %d, want %d", len(septets), fill, n, len(want))
			}
			back := coding.AppendUnpack([]byte("kept"), want, fill)
			if string(back) != "kept"+string(unpackBits(want, fill)) || string(back[4:4+len(septets)]) != string(septets) {
				t.Fatalf("AppendUnpack(% X, %d) = % X, want % X", want, fill, back[4:], septets)
			}
			if n := coding.UnpackedLen(len(want), fill); n != len(back)-4 {
				t.Fatalf("UnpackedLen(%d, %d) = %d, want %d", len(want), fill, n, len(back)-4)
			}
			// In place, as a caller with one buffer does it.
			buf := append(make([]byte, 0, 256), septets...)
			if got := coding.AppendPack(buf[:0], buf, fill); string(got) != string(want) {
				t.Fatalf("AppendPack(% X, %d) in place = % X, want % X", septets, fill, got, want)
			}
		}
	}
	if got := coding.AppendPack(nil, []byte("\xE8\xE5"), 0); string(got) != string(packBits([]byte("he"), 0)) {
		t.Errorf("the highest bits are in % X", got)
	}
}

func TestFillBits(t *testing.T) {
	for header, want := range []int{0, 6, 5, 4, 3, 2, 1, 0, 6, 5, 4, 3, 2, 1, 0} {
		if got := coding.FillBits(header); got != want || (8*header+got)%7 != 0 {
			t.Errorf("FillBits(%d) = %d, want %d", header, got, want)
		}
	}
	if got := coding.FillBits(-1); got != 0 {
		t.Errorf("FillBits(-1) = %d", got)
	}
	// The capacities of 3GPP TS 23.040: 140 octets, headers included.
	for _, tt := range []struct{ header, septets int }{{0, 160}, {6, 153}, {7, 152}, {4, 155}, {9, 149}, {12, 146}} {
		if got := coding.UnpackedLen(140-tt.header, coding.FillBits(tt.header)); got != tt.septets {
			t.Errorf("behind %d octets of header there is room for %d septets, want %d", tt.header, got, tt.septets)
		}
	}
	if got := coding.UnpackedLen(0, 3); got != 0 {
		t.Errorf("UnpackedLen(0, 3) = %d", got)
	}
}

func TestPacked(t *testing.T) {
	turkish := coding.National(coding.Turkish, coding.Turkish)
	for _, tt := range []struct {
		name   string
		cs     coding.Packed
		text   string
		octets string // in hex
	}{
		{"empty", coding.Packed{}, "", ""},
		{"empty behind a header", coding.Packed{Header: 6}, "", ""},
		{"well known", coding.Packed{}, "hellohello", "E8329BFD4697D9EC37"},
		{"one", coding.Packed{}, "@", "00"},
		{"eight", coding.Packed{}, "12345678", "31D98C56B3DD70"},
		{"seven are filled up", coding.Packed{}, "1234567", "31D98C56B3DD1A"},
		{"an at sign is not a filler", coding.Packed{}, "1234567@", "31D98C56B3DD00"},
		{"a carriage return that looks like a filler", coding.Packed{}, "1234567\r", "31D98C56B3DD1A0D"},
		{"a carriage return that does not", coding.Packed{}, "12345\r", "31D98C566B00"},
		{"filled up behind a carriage return", coding.Packed{}, "123456\r", "31D98C56B3351A"},
		{"escape", coding.Packed{}, "\u20AC[5]", "9BF28657DBF81A"},
		{"behind a header of six octets", coding.Packed{Header: 6}, "hello", "D06536FB0D"},
		{"behind a header of six octets, filled up", coding.Packed{Header: 6}, "hellohel", "D06536FB8D2EB31B"},
		{"national", coding.Packed{Alphabet: turkish}, "\u011E\u0131\u015F\u20AC", "8B438700"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			octets, err := coding.Encode(tt.cs, tt.text)
			if got := fmt.Sprintf("%X", octets); got != tt.octets || err != nil {
				t.Errorf("Encode(%q) = %s, %v, want %s", tt.text, got, err, tt.octets)
			}
			if back := coding.Decode(tt.cs, octets); back != tt.text {
				t.Errorf("Decode(%X) = %q, want %q", octets, back, tt.text)
			}
			checkCut(t, tt.cs, tt.text)
		})
	}
	// A filler more or less: what packs without them reads as text all the same.
	for octets, want := range map[string]string{
		"\x31\xD9\x8C\x56\xB3\xDD\x00": "1234567@",
		"\x31\xD9\x8C\x56\xB3\xDD\x1A": "1234567",
		"\x1A":                         "\u039E",
		"\x0D":                         "\r",
	} {
		if got := coding.Decode(coding.Packed{}, []byte(octets)); got != want {
			t.Errorf("Decode(% X) = %q, want %q", octets, got, want)
		}
	}
}

// Whatever a text ends with, behind whatever header, it comes back, and no octet is spent in vain.
func TestPackedRoundTrip(t *testing.T) {
	for header := range 15 {
		cs := coding.Packed{Header: header}
		fill := coding.FillBits(header)
		for n := range 40 {
			for run := 0; run <= n; run++ {
				text := strings.Repeat("@", n-run) + strings.Repeat("\r", run)
				octets, err := coding.Encode(cs, text)
				if err != nil {
					t.Fatal(err)
				}
				if back := coding.Decode(cs, octets); back != text {
					t.Fatalf("header %d: %q is % X, which is %q", header, text, octets, back)
				}
				if least := coding.PackedLen(n, fill); len(octets) != least && run == 0 {
					t.Fatalf("header %d: %q takes %d octets, want %d", header, text, len(octets), least)
				}
				if n < 20 {
					checkCut(t, cs, text)
				}
			}
		}
		if got, want := coding.Cut(cs, strings.Repeat("a", 200), 140-header), coding.UnpackedLen(140-header, fill); got != want {
			t.Errorf("header %d: a message holds %d characters, want %d", header, got, want)
		}
	}
	// A long run must not take long.
	run := strings.Repeat("\r", 1<<16)
	if n := coding.Cut(coding.Packed{}, run, 1000); n == 0 {
		t.Error("nothing of a long run fits")
	}
}

func TestPackedAllocations(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 9) + "[\u00E9\u00E8\u20AC\u0394\u03A6]{|}"
	for _, header := range []int{0, 6} {
		cs := coding.Packed{Header: header}
		octets, err := coding.Encode(cs, text)
		if err != nil {
			t.Fatal(err)
		}
		septets := coding.AppendUnpack(nil, octets, 0)
		out, back := make([]byte, 0, len(octets)), make([]byte, 0, len(text))
		all := make([]byte, 0, len(septets))
		for what, f := range map[string]func(){
			"AppendEncode": func() { _, _ = cs.AppendEncode(out, text) },
			"AppendDecode": func() { cs.AppendDecode(back, octets) },
			"Units":        func() { cs.Units(text, 70) },
			"AppendPack":   func() { coding.AppendPack(out, septets[:100], 1) },
			"AppendUnpack": func() { coding.AppendUnpack(all, octets, 1) },
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("header %d: %s allocates %v times, want 0", header, what, n)
			}
		}
	}
}

func FuzzPack(f *testing.F) {
	f.Add([]byte("hellohello"), uint8(0))
	f.Add([]byte("\xE8\x32\x9B\xFD\x46\x97\xD9\xEC\x37"), uint8(1))
	f.Add([]byte("1234567\r\r"), uint8(6))
	f.Add([]byte{}, uint8(9))
	f.Fuzz(func(t *testing.T, octets []byte, header uint8) {
		fill := coding.FillBits(int(header))
		septets := coding.AppendUnpack(nil, octets, fill)
		if string(septets) != string(unpackBits(octets, fill)) {
			t.Fatalf("AppendUnpack(% X, %d) = % X, want % X", octets, fill, septets, unpackBits(octets, fill))
		}
		if got := coding.AppendPack(nil, septets, fill); string(got) != string(packBits(septets, fill)) {
			t.Fatalf("AppendPack(% X, %d) = % X", septets, fill, got)
		}
		cs := coding.Packed{Header: int(header)}
		text, written := checkStable(t, cs, octets)
		if !written {
			t.Fatalf("% X is %q, which cannot be written", octets, text)
		}
		// The octets as text: all that GSM has comes back.
		raw := string(octets)
		unpacked, wantErr := coding.Encode(coding.GSM7, raw)
		packed, err := coding.Encode(cs, raw)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, want %v", raw, err, wantErr)
		}
		if err != nil {
			return
		}
		if back := coding.Decode(cs, packed); back != raw {
			t.Fatalf("%q is % X, which is %q", raw, packed, back)
		}
		if !strings.HasSuffix(raw, "\r") && len(packed) != coding.PackedLen(len(unpacked), fill) {
			t.Fatalf("%q takes %d octets, want %d", raw, len(packed), coding.PackedLen(len(unpacked), fill))
		}
	})
}
