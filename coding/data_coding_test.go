package coding_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"

	"github.com/godwit-sms/smpp/coding"
)

// TestForDataCoding holds every octet against testdata/data_coding.json, the table of SMPP v5.0, 4.7.7.
func TestForDataCoding(t *testing.T) {
	type value struct {
		Name    string `json:"name"`
		Charset string `json:"charset"`
	}
	spec := readJSON[struct {
		Values map[string]value `json:"values"`
		Ranges []struct {
			From, To int
			Means    string
		} `json:"ranges"`
	}](t, "data_coding.json")
	byName := map[string]coding.Charset{
		"mc_specific":                     coding.Latin1, // what the test agreed with its message center
		"us-ascii":                        coding.ASCII,
		"binary":                          coding.Binary,
		"iso-8859-1":                      coding.Latin1,
		"iso-8859-5":                      coding.ISO8859_5,
		"iso-8859-8":                      coding.ISO8859_8,
		"ISO/IEC 10646 UCS-2, big endian": coding.UTF16,
		"JIS X 0208-1990":                 coding.JISX0208,
		"vendor":                          coding.ShiftJIS, // pictograms
		"ISO-2022-JP music codes":         coding.ISO2022JP,
		"JIS X 0212-1990":                 coding.JISX0212,
		"KS C 5601":                       coding.EUCKR,
	}
	seen := 0
	for number, v := range spec.Values {
		dc, err := strconv.ParseUint(number, 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		want, known := byName[v.Charset]
		if !known {
			want = coding.Binary
		}
		if cs, ok := coding.ForDataCoding(uint8(dc), coding.Latin1); cs != want || ok != known {
			t.Errorf("%#02x %s is %v, %t, want %v, %t", dc, v.Name, cs, ok, want, known)
		}
	}
	for _, r := range spec.Ranges {
		for dc := r.From; dc <= r.To; dc++ {
			seen++
			cs, ok := coding.ForDataCoding(uint8(dc), coding.Latin1)
			d := coding.ParseGSM(uint8(dc))
			if dc < 0x10 || d.Compressed || d.Reserved {
				if cs != coding.Binary || ok {
					t.Errorf("%#02x is %v, %t, want Binary, false", dc, cs, ok)
				}
				continue
			}
			if cs != d.Charset || !ok {
				t.Errorf("%#02x is %v, %t, want the GSM meaning %v", dc, cs, ok, d.Charset)
			}
		}
	}
	if seen != 256 {
		t.Errorf("the table has %d values", seen)
	}
}

func TestForDataCodingInPractice(t *testing.T) {
	turkish := coding.National(coding.Turkish, coding.Turkish)
	for _, tt := range []struct {
		name string
		dc   uint8
		def  coding.Charset
		want coding.Charset
		ok   bool
	}{
		{"default is the caller's", 0x00, coding.Latin1, coding.Latin1, true},
		{"no default is GSM", 0x00, nil, coding.GSM7, true},
		{"1 is not GSM", 0x01, coding.GSM7, coding.ASCII, true}, // node-smpp B13
		{"flash GSM", 0x10, coding.GSM7, coding.GSM7, true},
		{"flash GSM whatever the default", 0x10, coding.Latin1, coding.GSM7, true},
		{"flash GSM with national tables", 0x10, turkish, turkish, true},
		{"flash UCS-2", 0x18, coding.GSM7, coding.UTF16, true},                   // node-smpp B14
		{"UCS-2 class 1", 0x19, coding.GSM7, coding.UTF16, true},                 // node-smpp B15
		{"message waiting, UCS-2", 0xE0, coding.GSM7, coding.UTF16, true},        // node-smpp B15
		{"message waiting, national GSM", 0xC8, turkish, turkish, true},          // node-smpp B15
		{"class 0 GSM", 0xF0, coding.GSM7, coding.GSM7, true},                    // node-smpp B15
		{"class 1 octets", 0xF5, coding.GSM7, coding.Binary, true},               // node-smpp B15
		{"automatic deletion, UCS-2", 0x48, coding.GSM7, coding.UTF16, true},     // node-smpp B15
		{"reserved, low bits of UCS-2", 0x88, coding.GSM7, coding.Binary, false}, // node-smpp B15
		{"compressed GSM", 0x20, coding.GSM7, coding.Binary, false},
		{"flash GSM, packed", 0x10, coding.Packed{}, coding.Packed{}, true},
		{"KS C 5601 is not the reserved GSM 7-bit", 0x0E, coding.GSM7, coding.EUCKR, true},
		{"reserved", 0x0B, coding.GSM7, coding.Binary, false},
		{"reserved charset bits", 0x1C, coding.GSM7, coding.Binary, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if cs, ok := coding.ForDataCoding(tt.dc, tt.def); cs != tt.want || ok != tt.ok {
				t.Errorf("ForDataCoding(%#02x, %v) = %v, %t, want %v, %t", tt.dc, tt.def, cs, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestFlashUCS2IsNotGSM(t *testing.T) {
	// node-smpp B14: text for data_coding 0x18 was written in GSM, as a row of '@'.
	cs, ok := coding.ForDataCoding(0x18, coding.GSM7)
	octets, err := coding.Encode(cs, "\u0416")
	if !ok || err != nil || string(octets) != "\x04\x16" {
		t.Errorf("%v, %t: % X, %v, want 04 16", cs, ok, octets, err)
	}
	// An unknown value does not fall back to GSM either: it only carries octets.
	cs, ok = coding.ForDataCoding(0x8F, coding.GSM7)
	if _, err := coding.Encode(cs, "\u0416"); ok || err == nil {
		t.Errorf("%v, %t: no error for a character that it cannot have", cs, ok)
	}
}

func TestDefaultIsNotGlobal(t *testing.T) {
	// node-smpp B38: the alphabet behind data_coding 0 was a variable of the process, so that two message centers could
	// not have their own. Here it is an argument, and the character sets are constants, which this line checks.
	const gsm, ascii, latin1, binary, utf16 = coding.GSM7, coding.ASCII, coding.Latin1, coding.Binary, coding.UTF16
	octets := []byte{0x00, 0x40, 0x5F}
	for range 2 {
		for def, want := range map[coding.Charset]string{
			gsm:    "@\u00A1\u00A7",
			latin1: "\x00@_",
			ascii:  "\x00@_",
			binary: "\x00@_",
			utf16:  "@\uFFFD",
		} {
			cs, _ := coding.ForDataCoding(0, def)
			if got := coding.Decode(cs, octets); got != want {
				t.Errorf("default %v: %q, want %q", def, got, want)
			}
		}
	}
}

func TestDataCodingOf(t *testing.T) {
	for _, tt := range []struct {
		cs   coding.Charset
		want uint8
		ok   bool
	}{
		{coding.GSM7, 0x00, true}, // node-smpp B13: GSM text was announced as 1, which is IA5
		{nil, 0x00, true},
		{coding.National(coding.Hindi, coding.Hindi), 0x00, true},
		{coding.ASCII, 0x01, true},
		{coding.Latin1, 0x03, true},
		{coding.Binary, 0x04, true},
		{coding.ISO8859_5, 0x06, true},
		{coding.ISO8859_8, 0x07, true},
		{coding.UTF16, 0x08, true},
		{coding.Packed{Header: 6}, 0x00, true},
		{coding.JISX0208, 0x05, true},
		{coding.ShiftJIS, 0x09, true},
		{coding.ISO2022JP, 0x0A, true},
		{coding.JISX0212, 0x0D, true},
		{coding.EUCKR, 0x0E, true},
		{coding.FromEncoding("ISO-2022-JP", japanese.ISO2022JP), 0, false},
	} {
		dc, ok := coding.DataCodingOf(tt.cs)
		if dc != tt.want || ok != tt.ok {
			t.Errorf("DataCodingOf(%v) = %#02x, %t, want %#02x, %t", tt.cs, dc, ok, tt.want, tt.ok)
		}
		if cs, known := coding.ForDataCoding(dc, tt.cs); ok && tt.cs != nil && (cs != tt.cs || !known) {
			t.Errorf("ForDataCoding(DataCodingOf(%v)) = %v, %t", tt.cs, cs, known)
		}
	}
}

func TestChosenDataCoding(t *testing.T) {
	// node-smpp B13: the automatic choice sent data_coding 1 for GSM text.
	for _, text := range texts {
		cs, ok := coding.Choose(text)
		if !ok {
			continue
		}
		if dc, ok := coding.DataCodingOf(cs); !ok || dc != 0x00 && dc != 0x08 {
			t.Errorf("%q is announced as %#02x, %t", text, dc, ok)
		}
	}
}

// gsmDCS is testdata/gsm_dcs.json: what 3GPP TS 23.038, 4, says about each bit.
type gsmDCS struct {
	Groups []struct {
		From, To   int
		Name       string
		Charset    string
		Class      bool   `json:"class_always"`
		TreatAs    string `json:"treat_as"`
		Compressed uint8  `json:"compressed_bit"`
		HasClass   uint8  `json:"class_present_bit"`
		Charsets   uint8  `json:"charset_bits"`
		Charset8   uint8  `json:"charset_bit"`
		ClassBits  uint8  `json:"class_bits"`
		Active     uint8  `json:"active_bit"`
		TypeBits   uint8  `json:"type_bits"`
		Reserved   uint8  `json:"reserved_bit"`
	}
	Charsets map[uint8]string `json:"charset_bits_values"`
	Charset8 map[uint8]string `json:"charset_bit_values"`
	Classes  map[uint8]string `json:"class_values"`
	Types    map[uint8]string `json:"mwi_type_values"`
	Rules    []string
	Examples []struct {
		DCS     uint8
		Charset string
		Class   *coding.MessageClass
		MWI     *waiting
	}
}

type waiting struct {
	Type          string
	Active, Store bool
}

// TestParseGSMEveryOctet reads all 256 octets by the table.
func TestParseGSMEveryOctet(t *testing.T) {
	spec := readJSON[gsmDCS](t, "gsm_dcs.json")
	charsets := map[string]coding.Charset{"gsm7": coding.GSM7, "octet8": coding.Binary, "ucs2": coding.UTF16, "reserved": coding.GSM7}
	seen := 0
	for _, g := range spec.Groups {
		for n := g.From; n <= g.To; n++ {
			seen++
			dc := uint8(n)
			name := g.Charset + g.TreatAs
			switch {
			case g.Charsets != 0:
				name = spec.Charsets[dc&g.Charsets]
			case g.Charset8 != 0:
				name = spec.Charset8[dc&g.Charset8]
			}
			want := coding.GSMDataCoding{
				Charset:    charsets[name],
				Compressed: dc&g.Compressed != 0,
				AutoDelete: g.Name == "general_automatic_deletion",
				HasClass:   g.Class || dc&g.HasClass != 0,
				Reserved:   g.Name == "reserved" || name == "reserved",
				HasWaiting: g.TypeBits != 0,
			}
			if want.Charset == nil {
				t.Fatalf("%#02x: the table has no charset", dc)
			}
			if want.HasClass {
				want.Class = coding.MessageClass(dc & g.ClassBits)
				if class := spec.Classes[uint8(want.Class)]; !strings.HasPrefix(class, fmt.Sprintf("class_%d_", want.Class)) {
					t.Errorf("%#02x: class %q", dc, class)
				}
			}
			if want.HasWaiting {
				kind := coding.WaitingType(dc & g.TypeBits)
				want.Waiting = coding.Waiting{Type: kind, Active: dc&g.Active != 0, Store: g.Name != "mwi_discard"}
				if kind.String() != spec.Types[uint8(kind)] {
					t.Errorf("%#02x: type %v, want %s", dc, kind, spec.Types[uint8(kind)])
				}
			}
			if got := coding.ParseGSM(dc); got != want {
				t.Errorf("ParseGSM(%#02x) = %+v, want %+v", dc, got, want)
			}
			if g.Reserved != 0 && coding.ParseGSM(dc|g.Reserved) != coding.ParseGSM(dc&^g.Reserved) {
				t.Errorf("%#02x: the reserved bit means something", dc)
			}
		}
	}
	if seen != 256 {
		t.Errorf("the table has %d octets", seen)
	}
}

func TestParseGSM(t *testing.T) {
	spec := readJSON[gsmDCS](t, "gsm_dcs.json")
	examples := spec.Examples
	charsets := map[string]coding.Charset{"gsm7": coding.GSM7, "octet8": coding.Binary, "ucs2": coding.UTF16}
	for _, e := range examples {
		d := coding.ParseGSM(e.DCS)
		if d.Charset != charsets[e.Charset] {
			t.Errorf("%#02x: charset %v, want %s", e.DCS, d.Charset, e.Charset)
		}
		if d.HasClass != (e.Class != nil) || e.Class != nil && d.Class != *e.Class {
			t.Errorf("%#02x: %t, %v", e.DCS, d.HasClass, d.Class)
		}
		if d.HasWaiting != (e.MWI != nil) {
			t.Errorf("%#02x: message waiting is %t", e.DCS, d.HasWaiting)
		} else if got := (waiting{d.Waiting.Type.String(), d.Waiting.Active, d.Waiting.Store}); e.MWI != nil && got != *e.MWI {
			t.Errorf("%#02x: message waiting is %+v, want %+v", e.DCS, got, *e.MWI)
		}
	}
	if len(examples) == 0 {
		t.Error("no examples")
	}
	for _, tt := range []struct {
		name string
		dc   uint8
		want coding.GSMDataCoding
	}{
		{"class bits without class", 0x03, coding.GSMDataCoding{Charset: coding.GSM7}},
		{"compressed", 0x29, coding.GSMDataCoding{Charset: coding.UTF16, Compressed: true}},
		{"automatic deletion, class 2", 0x5A, coding.GSMDataCoding{Charset: coding.UTF16, AutoDelete: true, HasClass: true, Class: coding.ClassSIM}},
		{"reserved charset keeps its class", 0x1D, coding.GSMDataCoding{Charset: coding.GSM7, HasClass: true, Class: coding.ClassME, Reserved: true}},
		{"reserved group", 0xA8, coding.GSMDataCoding{Charset: coding.GSM7, Reserved: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := coding.ParseGSM(tt.dc); got != tt.want {
				t.Errorf("ParseGSM(%#02x) = %+v, want %+v", tt.dc, got, tt.want)
			}
		})
	}
}

func TestGSMDataCodingOctet(t *testing.T) {
	for dc := range 256 {
		d := coding.ParseGSM(uint8(dc))
		octet, err := d.DataCoding()
		if d.Reserved {
			if err == nil {
				t.Errorf("%#02x is reserved, but DataCoding gives %#02x", dc, octet)
			}
			continue
		}
		if err != nil || coding.ParseGSM(octet) != d {
			t.Errorf("%#02x comes back as %#02x, %v", dc, octet, err)
		}
	}
	for _, tt := range []struct {
		name string
		d    coding.GSMDataCoding
		want uint8
	}{
		{"zero value", coding.GSMDataCoding{}, 0x00},
		{"flash", coding.GSMDataCoding{HasClass: true}, 0xF0},
		{"flash octets", coding.GSMDataCoding{Charset: coding.Binary, HasClass: true}, 0xF4},
		{"flash UCS-2", coding.GSMDataCoding{Charset: coding.UTF16, HasClass: true}, 0x18},
		{"national", coding.GSMDataCoding{Charset: coding.National(coding.Urdu, coding.Urdu), HasClass: true, Class: coding.ClassTE}, 0xF3},
		{"class without HasClass", coding.GSMDataCoding{Class: 9, Waiting: coding.Waiting{Type: 9}}, 0x00},
		{"fax", coding.GSMDataCoding{HasWaiting: true, Waiting: coding.Waiting{Type: coding.WaitingFax, Active: true}}, 0xC9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.d.DataCoding(); got != tt.want || err != nil {
				t.Errorf("DataCoding of %+v = %#02x, %v, want %#02x", tt.d, got, err, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		name string
		d    coding.GSMDataCoding
		want string
	}{
		{"charset", coding.GSMDataCoding{Charset: coding.Latin1}, "charset ISO 8859-1"},
		{"class", coding.GSMDataCoding{HasClass: true, Class: 4}, "class 4"},
		{"waiting type", coding.GSMDataCoding{HasWaiting: true, Waiting: coding.Waiting{Type: 4}}, "waiting type 4"},
		{"class and waiting", coding.GSMDataCoding{HasClass: true, HasWaiting: true}, "message waiting"},
		{"UCS-2 that is not stored", coding.GSMDataCoding{Charset: coding.UTF16, HasWaiting: true}, "store false"},
		{"octets waiting", coding.GSMDataCoding{Charset: coding.Binary, HasWaiting: true, Waiting: coding.Waiting{Store: true}}, "8-bit binary"},
		{"reserved", coding.GSMDataCoding{Reserved: true}, "reserved"},
	} {
		t.Run("error "+tt.name, func(t *testing.T) {
			if dc, err := tt.d.DataCoding(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("DataCoding of %+v = %#02x, %v, want an error with %q", tt.d, dc, err, tt.want)
			}
		})
	}
}
