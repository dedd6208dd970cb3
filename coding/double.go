package coding

import (
	"math"
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
)

// double is one of the East Asian character sets of one to three octets a character.
type double uint8

const (
	// JISX0208 is JIS X 0208 with ASCII and half-width katakana, as Shift-JIS: data_coding 5. The specification names the
	// set and not its octets; Shift-JIS is what the value means on CDMA.
	//
	// Decoding JISX0208, [ShiftJIS] and [JISX0212] follows the escape sequences of ISO-2022-JP as well, which some peers
	// send under these values. Hence U+001B cannot be written.
	JISX0208 double = iota

	// ShiftJIS is Shift-JIS with pictograms: data_coding 9. These are the octets 0xF040 to 0xF9FC, in the order of
	// U+E000 to U+E757 as in code page 932, where the pictograms of NTT Docomo begin at U+E63E.
	ShiftJIS

	// JISX0212 is JIS X 0212, the additional kanji, with JIS X 0208, ASCII and half-width katakana, as EUC-JP: data_coding
	// 13.
	JISX0212

	// EUCKR is KS C 5601 (KS X 1001) with ASCII as EUC-KR, with the further syllables of code page 949: data_coding 14.
	EUCKR
)

// String implements [Charset].
func (d double) String() string {
	return [...]string{"JIS X 0208", "Shift-JIS", "JIS X 0212", "EUC-KR"}[d]
}

// A codeTable holds the codes of the characters beyond ASCII, in both directions; 0 means none. A code is the octets
// of a character as a number. The three octets of JIS X 0212 in EUC-JP are the last two, with the highest bit of the
// very last cleared.
type codeTable struct {
	runes   [1 << 16]uint16 // by code
	codes   [1 << 16]uint16 // by character
	leads   [256]bool       // the octets that begin a character of several
	triples bool            // a character that begins with 0x8F has three octets: EUC-JP
}

// newCodeTable asks e for all characters and all codes.
func newCodeTable(e encoding.Encoding) *codeTable {
	t := &codeTable{triples: e == japanese.EUCJP}
	enc, dec := e.NewEncoder().Transformer, e.NewDecoder().Transformer
	var in, out [utf8.UTFMax]byte
	decode := func(octets ...byte) uint16 {
		n, _, err := dec.Transform(out[:], octets, true)
		if r, size := utf8.DecodeRune(out[:n]); err == nil && size == n && r != utf8.RuneError {
			return uint16(r)
		}
		return 0
	}
	for r := rune(utf8.RuneSelf); r < 0xFFFD; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		n, _, err := enc.Transform(out[:], utf8.AppendRune(in[:0], r), true)
		if err != nil {
			continue
		}
		octets := out
		if decode(octets[:n]...) != uint16(r) {
			continue
		}
		switch n {
		case 1:
			t.codes[r] = uint16(octets[0])
		case 2:
			t.codes[r] = uint16(octets[0])<<8 | uint16(octets[1])
		case 3:
			t.codes[r] = uint16(octets[1])<<8 | uint16(octets[2]&0x7F)
		}
	}
	for lead := 0x80; lead <= 0xFF; lead++ {
		t.runes[lead] = decode(byte(lead))
		for trail := 0x40; trail <= 0xFF; trail++ {
			if r := decode(byte(lead), byte(trail)); r != 0 {
				t.runes[lead<<8|trail], t.leads[lead] = r, true
			}
			if t.triples && trail >= utf8.RuneSelf {
				t.runes[lead<<8|trail&0x7F] = decode(0x8F, byte(lead), byte(trail))
			}
		}
	}
	if t.triples {
		t.leads[0x8F] = true
	}
	return t
}

// The tables are made on first use, in a few milliseconds; each takes 256 KB.
var (
	shiftJIS = sync.OnceValue(func() *codeTable {
		t := newCodeTable(japanese.ShiftJIS)
		r := privateUse
		for lead := 0xF0; lead <= 0xF9; lead++ {
			for trail := 0x40; trail <= 0xFC; trail++ {
				if trail != 0x7F {
					t.leads[lead] = true
					t.runes[lead<<8|trail], t.codes[r] = uint16(r), uint16(lead<<8|trail)
					r++
				}
			}
		}
		return t
	})
	eucJP = sync.OnceValue(func() *codeTable { return newCodeTable(japanese.EUCJP) })
	eucKR = sync.OnceValue(func() *codeTable { return newCodeTable(korean.EUCKR) })
)

const privateUse = rune(0xE000) // the first character without a meaning in Unicode

func (d double) table() *codeTable {
	switch d {
	case JISX0212:
		return eucJP()
	case EUCKR:
		return eucKR()
	default:
		return shiftJIS()
	}
}

// code returns the code of r and the number of its octets, 0 if there is none.
func (d double) code(t *codeTable, r rune) (code uint16, size int) {
	switch {
	case r == escape && d != EUCKR:
		return 0, 0
	case r < utf8.RuneSelf:
		return uint16(r), 1
	case r > 0xFFFF || r >= privateUse && r < 0xF900 && d == JISX0208:
		return 0, 0
	}
	switch code = t.codes[r]; {
	case code == 0:
		return 0, 0
	case code <= 0xFF:
		return code, 1
	case code&0x80 == 0 && d == JISX0212:
		return code, 3
	default:
		return code, 2
	}
}

// AppendEncode implements [Charset].
func (d double) AppendEncode(dst []byte, text string) ([]byte, error) {
	start, t := len(dst), d.table()
	if cap(dst)-len(dst) < 2*len(text) {
		units, _ := d.Units(text, math.MaxInt)
		dst = slices.Grow(dst, units)
	}
	for i, r := range text {
		switch code, size := d.code(t, r); size {
		case 1:
			dst = append(dst, byte(code))
		case 2:
			dst = append(dst, byte(code>>8), byte(code))
		case 3:
			dst = append(dst, 0x8F, byte(code>>8), byte(code)|0x80)
		default:
			return dst[:start], unencodable(d, text, i)
		}
	}
	return dst, nil
}

// AppendDecode implements [Charset].
func (d double) AppendDecode(dst, octets []byte) []byte {
	t := d.table()
	if d != EUCKR {
		return decodeJapanese(dst, octets, t)
	}
	for len(octets) > 0 {
		r, size := t.decode(octets)
		dst = utf8.AppendRune(dst, r)
		octets = octets[size:]
	}
	return dst
}

// decode returns the first character of octets, U+FFFD if there is none, and the number of its octets.
func (t *codeTable) decode(octets []byte) (r rune, size int) {
	lead := octets[0]
	if lead < utf8.RuneSelf {
		return rune(lead), 1
	}
	if r := t.runes[lead]; r != 0 {
		return rune(r), 1
	}
	size = 2
	if lead == 0x8F && t.triples {
		size = 3
	}
	if !t.leads[lead] || len(octets) < size {
		return utf8.RuneError, 1
	}
	a, b := octets[size-2], octets[size-1]
	code := uint16(a)<<8 | uint16(b)
	if t.triples {
		if a < utf8.RuneSelf || b < utf8.RuneSelf {
			return utf8.RuneError, 1
		}
		if size == 3 {
			code &^= 0x80
		}
	}
	switch r := t.runes[code]; {
	case r != 0:
		return rune(r), size
	case b < utf8.RuneSelf:
		return utf8.RuneError, 1 // ASCII goes with what follows
	default:
		return utf8.RuneError, size
	}
}

// Units implements [Charset].
func (d double) Units(text string, limit int) (units, n int) {
	t := d.table()
	for i, r := range text {
		_, size := d.code(t, r)
		if size == 0 || size > limit-units {
			return units, i
		}
		units += size
	}
	return units, len(text)
}

// What follows an escape sequence depends on it, all the way.
func (d double) next(octets []byte) int {
	t, need := d.table(), 1
	switch o := octets[0]; {
	case o == escape && d != EUCKR:
		return 0
	case o == 0x8F && t.triples:
		need = 3
	case t.leads[o]:
		need = 2
	}
	if len(octets) < need {
		return 0
	}
	_, n := t.decode(octets)
	return n
}
