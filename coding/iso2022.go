package coding

import (
	"math"
	"slices"
	"unicode/utf8"
)

// iso2022 is the type of ISO2022JP.
type iso2022 uint8

// ISO2022JP is ISO-2022-JP with half-width katakana, as golang.org/x/text has it: data_coding 10, which the specification
// calls music codes. Escape sequences switch between ASCII, katakana and JIS X 0208; a text begins and ends with ASCII, so
// that each part of a split message stands for itself.
//
// Decoding reads JIS X 0212 too, and what begins with an octet above 0x7F as Shift-JIS, which some peers send under this
// value. U+001B cannot be written.
const ISO2022JP iso2022 = 0

// String implements [Charset].
func (iso2022) String() string { return "ISO-2022-JP" }

// A jisSet is what the octets 0x21 to 0x7E stand for.
type jisSet uint8

const (
	jisASCII jisSet = iota
	jisKatakana
	jis0208
	jis0212
)

// escapeLen is the length of the sequences that lead to the sets which are written.
const escapeLen = 3

var escapeSequences = [...]string{jisASCII: "\x1B(B", jisKatakana: "\x1B(I", jis0208: "\x1B$B"}

// code returns the set of r, and its octets in it as a number. ok is false if there is none.
func (iso2022) code(t *codeTable, r rune) (set jisSet, code uint16, ok bool) {
	switch {
	case r == escape || r > 0xFFFF:
		return 0, 0, false
	case r < utf8.RuneSelf:
		return jisASCII, uint16(r), true
	}
	switch code = t.codes[r]; {
	case code>>8 == 0x8E:
		return jisKatakana, code & 0x7F, true
	case code&0x8080 == 0x8080:
		return jis0208, code & 0x7F7F, true
	default:
		return 0, 0, false
	}
}

// AppendEncode implements [Charset].
func (c iso2022) AppendEncode(dst []byte, text string) ([]byte, error) {
	start, t := len(dst), eucJP()
	if cap(dst)-len(dst) < 2*len(text)+2*escapeLen {
		units, _ := c.Units(text, math.MaxInt)
		dst = slices.Grow(dst, units)
	}
	current := jisASCII
	for i, r := range text {
		set, code, ok := c.code(t, r)
		if !ok {
			return dst[:start], unencodable(c, text, i)
		}
		if set != current {
			current = set
			dst = append(dst, escapeSequences[set]...)
		}
		if set == jis0208 {
			dst = append(dst, byte(code>>8))
		}
		dst = append(dst, byte(code))
	}
	if current != jisASCII {
		dst = append(dst, escapeSequences[jisASCII]...)
	}
	return dst, nil
}

// Units implements [Charset].
func (c iso2022) Units(text string, limit int) (units, n int) {
	t := eucJP()
	current, open := jisASCII, 0 // open is units without the way back to ASCII
	for i, r := range text {
		set, _, ok := c.code(t, r)
		if !ok {
			return units, i
		}
		if set != current {
			current = set
			open += escapeLen
		}
		open++
		if set == jis0208 {
			open++
		}
		closed := open
		if set != jisASCII {
			closed += escapeLen
		}
		if closed > limit {
			return units, i
		}
		units = closed
	}
	return units, len(text)
}

// AppendDecode implements [Charset].
func (iso2022) AppendDecode(dst, octets []byte) []byte {
	return decodeJapanese(dst, octets, shiftJIS())
}

// decodeJapanese appends the text of octets to dst. high is for those above 0x7F.
func decodeJapanese(dst, octets []byte, high *codeTable) []byte {
	current := jisASCII
	for len(octets) > 0 {
		var r rune
		size, o := 1, octets[0]
		switch {
		case o >= utf8.RuneSelf:
			r, size = high.decode(octets)
		case o == escape:
			if set, n := designated(octets); n > 0 {
				current, octets = set, octets[n:]
				continue
			}
			r = utf8.RuneError
		case o <= ' ' || o == 0x7F:
			r = rune(o)
			if o == '\n' || o == '\r' {
				current = jisASCII // a line begins with it
			}
		case current == jisASCII:
			r = rune(o)
		case current == jisKatakana:
			if r = utf8.RuneError; o < 0x60 {
				r = 0xFF61 + rune(o-0x21)
			}
		default:
			if r = utf8.RuneError; len(octets) > 1 && octets[1] > ' ' && octets[1] < 0x7F {
				code := 0x8000 | uint16(o)<<8 | uint16(octets[1])
				if size = 2; current == jis0208 {
					code |= 0x80
				}
				if c := eucJP().runes[code]; c != 0 {
					r = rune(c)
				}
			}
		}
		dst = utf8.AppendRune(dst, r)
		octets = octets[size:]
	}
	return dst
}

// designations are the escape sequences that are understood. JIS X 0208 of 1990 has one in front that says so.
var designations = [...]struct {
	sequence string
	set      jisSet
}{
	{"\x1B(B", jisASCII},
	{"\x1B(J", jisASCII}, // with a yen sign and an overline, which nobody means
	{"\x1B(I", jisKatakana},
	{"\x1B$B", jis0208},
	{"\x1B$@", jis0208},
	{"\x1B$(B", jis0208},
	{"\x1B$(@", jis0208},
	{"\x1B&@\x1B$B", jis0208},
	{"\x1B$(D", jis0212},
}

// designated returns the set to which the escape sequence at the start of octets leads, and its length; 0 if it is none.
func designated(octets []byte) (set jisSet, n int) {
	for _, d := range designations {
		if len(octets) >= len(d.sequence) && string(octets[:len(d.sequence)]) == d.sequence {
			return d.set, len(d.sequence)
		}
	}
	return jisASCII, 0
}
