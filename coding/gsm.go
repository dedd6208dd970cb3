package coding

import (
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"
)

// A Language selects national tables of the GSM 7-bit alphabet. Its number is the national language identifier of
// 3GPP TS 23.038, 6.2.1.2.4, which stands in the user data header.
type Language uint8

// The languages with tables of their own. DefaultLanguage, the zero value, means the default alphabet or the default
// extension table; it is never announced in a header.
const (
	DefaultLanguage Language = iota
	Turkish
	Spanish // has a single shift table only
	Portuguese
	Bengali
	Gujarati
	Hindi
	Kannada
	Malayalam
	Oriya
	Punjabi
	Tamil
	Telugu
	Urdu

	languages = 14
)

var languageNames = [languages]string{
	"default", "Turkish", "Spanish", "Portuguese", "Bengali", "Gujarati", "Hindi", "Kannada", "Malayalam", "Oriya",
	"Punjabi", "Tamil", "Telugu", "Urdu",
}

// String returns the English name of the language, or "language 14" for a number without one.
func (l Language) String() string {
	if l < languages {
		return languageNames[l]
	}
	return "language " + strconv.Itoa(int(l))
}

// HasLocking reports whether the language has a locking shift table, which replaces the default alphabet.
func (l Language) HasLocking() bool { return l < languages && lockingTables[l] != nil }

// HasSingle reports whether the language has a single shift table, which replaces the extension table.
func (l Language) HasSingle() bool { return l < languages && singleTables[l] != nil }

// GSM is a GSM 7-bit alphabet: a locking table whose characters take one unit, and a single shift table whose
// characters take two, an escape and a code. The zero value is [GSM7]; [National] makes the others. Octets are
// unpacked septets: one unit is one octet.
//
// Encoding writes a character that stands in both tables with the locking table, and the lowest code if there are
// several.
//
// Decoding follows 3GPP TS 23.038, 6.2.1.1: an escape in front of a code that the single shift table lacks is the
// character of that code in the locking table; two escapes are a space. An escape at the end and a code without a
// character are a space too. Octets above 0x7F are no septets and become U+FFFD.
type GSM uint8 // the locking language in the high four bits, the single shift language in the low four

// GSM7 is the GSM 7-bit default alphabet with its extension table, 3GPP TS 23.038, 6.2.1.
const GSM7 GSM = 0

// National returns the GSM 7-bit alphabet with the locking table of one language and the single shift table of the same
// or another. A language without such a table, or with a reserved number, stands for the default one, as a receiver
// has to read it.
func National(locking, single Language) GSM {
	if !locking.HasLocking() {
		locking = DefaultLanguage
	}
	if !single.HasSingle() {
		single = DefaultLanguage
	}
	return GSM(locking<<4 | single)
}

// Locking returns the language of the locking table: the value of element 0x25 of the user data header, which is left out
// for DefaultLanguage.
func (g GSM) Locking() Language { return Language(g >> 4) }

// Single returns the language of the single shift table: the value of element 0x24 of the user data header, which is left
// out for DefaultLanguage.
func (g GSM) Single() Language { return Language(g & 0x0F) }

// String returns "GSM 7-bit", followed by the languages of the national tables if there are any.
func (g GSM) String() string {
	const name = "GSM 7-bit"
	locking, single := g.Locking(), g.Single()
	switch {
	case locking == DefaultLanguage && single == DefaultLanguage:
		return name
	case single == DefaultLanguage:
		return name + ", " + locking.String() + " locking shift"
	case locking == DefaultLanguage:
		return name + ", " + single.String() + " single shift"
	default:
		return name + ", " + locking.String() + " locking shift, " + single.String() + " single shift"
	}
}

// headerLen returns the octets of a user data header that only announces the tables.
func (g GSM) headerLen() int {
	n := 0
	if g.Locking() != DefaultLanguage {
		n += 3
	}
	if g.Single() != DefaultLanguage {
		n += 3
	}
	if n > 0 {
		n++
	}
	return n
}

const (
	escape   = 0x1B
	noCode   = 0xFF
	noSeptet = utf8.RuneError // what an octet above 0x7F decodes to
	shift    = 0xFFFF         // what the escape decodes to: no character, and beyond ASCII
)

// A table is one of the tables of 128 codes, in both directions.
type table struct {
	runes  [256]uint16 // by octet; 0 means none, in single shift tables only
	ascii  [256]uint8  // code by octet of UTF-8; noCode for what is not ASCII or not here
	blocks [0x2240 >> 6]uint8
	codes  [][64]uint8 // code by the low six bits of the character, by block; the first is empty
}

// newTable makes a table. Codes without a character decode to blank.
func newTable(chars *[128]uint16, blank uint16) *table {
	t := &table{codes: make([][64]uint8, 1, 8)}
	fill := func(s []uint8) {
		for i := range s {
			s[i] = noCode
		}
	}
	fill(t.ascii[:])
	fill(t.codes[0][:])
	for i := range t.runes {
		t.runes[i] = noSeptet
	}
	for code, r := range chars {
		if r == 0 {
			t.runes[code] = blank
			continue
		}
		t.runes[code] = r
		block := &t.blocks[r>>6]
		if *block == 0 {
			*block = uint8(len(t.codes))
			t.codes = append(t.codes, [64]uint8{})
			fill(t.codes[*block][:])
		}
		if c := &t.codes[*block][r&63]; *c == noCode { // the lowest code wins
			*c = uint8(code)
			if r < utf8.RuneSelf {
				t.ascii[r] = uint8(code)
			}
		}
	}
	return t
}

// code returns the code of r, noCode if there is none.
func (t *table) code(r rune) uint8 {
	if uint32(r>>6) >= uint32(len(t.blocks)) {
		return noCode
	}
	return t.codes[t.blocks[r>>6]][r&63]
}

// tables of all languages: about 40 KB, made on first use.
var tables = sync.OnceValue(func() *struct{ locking, single [languages]*table } {
	all := new(struct{ locking, single [languages]*table })
	for l := range all.locking {
		all.locking[l], all.single[l] = all.locking[0], all.single[0]
		if chars := lockingTables[l]; chars != nil {
			all.locking[l] = newTable(chars, ' ')
			all.locking[l].runes[escape] = shift
		}
		if chars := singleTables[l]; chars != nil {
			all.single[l] = newTable(chars, 0)
			all.single[l].runes[escape] = ' '
		}
	}
	return all
})

// tables returns the two tables; the default ones for the reserved languages that a conversion may have put into g.
func (g GSM) tables() (locking, single *table) {
	all := tables()
	l, s := g.Locking(), g.Single()
	if l >= languages {
		l = DefaultLanguage
	}
	if s >= languages {
		s = DefaultLanguage
	}
	return all.locking[l], all.single[s]
}

// AppendEncode implements [Charset].
func (g GSM) AppendEncode(dst []byte, text string) ([]byte, error) {
	locking, single := g.tables()
	buf, n := dst[:cap(dst)], len(dst)
	for i := 0; ; {
		// Most characters are ASCII in the text and one unit in the alphabet.
		room := buf[n:]
		rest := text[i:]
		rest = rest[:min(len(rest), len(room))]
		k := 0
		for ; k < len(rest); k++ {
			c := locking.ascii[rest[k]]
			if c == noCode {
				break
			}
			room[k] = c
		}
		i += k
		n += k
		if i == len(text) {
			return buf[:n], nil
		}
		for more := true; more; more = i < len(text) && text[i] >= utf8.RuneSelf {
			r, size := rune(text[i]), 1
			switch { // utf8.DecodeRuneInString, quicker for what the alphabets have
			case r < utf8.RuneSelf:
			case r&0xE0 == 0xC0 && r >= 0xC2 && i+1 < len(text) && text[i+1]&0xC0 == 0x80:
				r, size = r&0x1F<<6|rune(text[i+1]&0x3F), 2
			case r&0xF0 == 0xE0 && r > 0xE0 && i+2 < len(text) && text[i+1]&0xC0 == 0x80 && text[i+2]&0xC0 == 0x80:
				r, size = r&0x0F<<12|rune(text[i+1]&0x3F)<<6|rune(text[i+2]&0x3F), 3 // if a surrogate, it has no code
			default:
				r, size = utf8.DecodeRuneInString(text[i:])
			}
			c, width := locking.code(r), 1
			if c == noCode {
				if c, width = single.code(r), 2; c == noCode {
					return dst, unencodable(g, text, i)
				}
			}
			if len(buf)-n < width {
				buf = slices.Grow(buf[:n], max(len(text)-i, width))
				buf = buf[:cap(buf)]
			}
			if width == 2 {
				buf[n] = escape
				n++
			}
			buf[n] = c
			n++
			i += size
		}
	}
}

// AppendDecode implements [Charset].
func (g GSM) AppendDecode(dst, octets []byte) []byte {
	locking, single := g.tables()
	buf, n := dst[:cap(dst)], len(dst)
	for i := 0; ; {
		room := buf[n:]
		rest := octets[i:]
		rest = rest[:min(len(rest), len(room))]
		k := 0
		for ; k < len(rest); k++ {
			r := locking.runes[rest[k]]
			if r >= utf8.RuneSelf {
				break
			}
			room[k] = byte(r)
		}
		i += k
		n += k
		if i == len(octets) {
			return buf[:n]
		}
		r := locking.runes[octets[i]]
		i++
		if r == shift {
			r = ' '
			if i < len(octets) {
				if r = single.runes[octets[i]]; r == 0 {
					r = locking.runes[octets[i]]
				}
				i++
			}
		}
		width := 3
		if r < utf8.RuneSelf {
			width = 1
		} else if r < 0x800 {
			width = 2
		}
		if len(buf)-n < width {
			buf = slices.Grow(buf[:n], width+len(octets)-i)
			buf = buf[:cap(buf)]
		}
		switch out := buf[n:]; width {
		case 1:
			out[0] = byte(r)
		case 2:
			out[0], out[1] = 0xC0|byte(r>>6), 0x80|byte(r)&0x3F
		default:
			out[0], out[1], out[2] = 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F
		}
		n += width
	}
}

// Units implements [Charset].
func (g GSM) Units(text string, limit int) (units, n int) {
	locking, single := g.tables()
	for {
		rest := text[n:]
		rest = rest[:min(len(rest), max(limit-units, 0))]
		k := 0
		for k < len(rest) && locking.ascii[rest[k]] != noCode {
			k++
		}
		n += k
		units += k
		if n == len(text) {
			return units, n
		}
		r, size := utf8.DecodeRuneInString(text[n:])
		width := 1
		if locking.code(r) == noCode {
			if single.code(r) == noCode {
				return units, n
			}
			width = 2
		}
		if width > limit-units {
			return units, n
		}
		n += size
		units += width
	}
}

func (g GSM) next(octets []byte) int {
	switch {
	case octets[0] != escape:
		return 1
	case len(octets) == 1:
		return 0
	default:
		return 2
	}
}
