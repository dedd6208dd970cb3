package coding

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// octet is a character set whose characters are the first of Unicode, one octet each.
type octet uint8

const (
	// ASCII is US-ASCII, which is IA5 here: data_coding 1. Octets above 0x7F decode to U+FFFD.
	ASCII octet = iota

	// Latin1 is ISO 8859-1 with its control characters, so that every octet is a character: data_coding 3.
	Latin1

	// Binary stands for octets that are no text: data_coding 2 and 4. Octet n is shown as U+0000 + n, so that nothing
	// is lost.
	Binary
)

// String implements [Charset].
func (o octet) String() string { return [...]string{"ASCII", "ISO 8859-1", "8-bit binary"}[o] }

// limit returns the first character that is not in the set.
func (o octet) limit() rune {
	if o == ASCII {
		return 0x80
	}
	return 0x100
}

// AppendEncode implements [Charset].
func (o octet) AppendEncode(dst []byte, text string) ([]byte, error) {
	start, limit := len(dst), o.limit()
	for i := 0; ; {
		k := asciiLen(text[i:])
		if cap(dst)-len(dst) <= k {
			dst = slices.Grow(dst, utf8.RuneCountInString(text[i:]))
		}
		dst = append(dst, text[i:i+k]...)
		if i += k; i == len(text) {
			return dst, nil
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r >= limit {
			return dst[:start], unencodable(o, text, i)
		}
		dst = append(dst, byte(r))
		i += size
	}
}

// AppendDecode implements [Charset].
func (o octet) AppendDecode(dst, octets []byte) []byte {
	limit := o.limit()
	for i := 0; ; {
		k := asciiLen(octets[i:])
		dst = append(dst, octets[i:i+k]...)
		if i += k; i == len(octets) {
			return dst
		}
		r := rune(octets[i])
		if r >= limit {
			r = utf8.RuneError
		}
		dst = utf8.AppendRune(dst, r)
		i++
	}
}

// Units implements [Charset].
func (o octet) Units(text string, limit int) (units, n int) {
	end := o.limit()
	for i, r := range text {
		// Invalid UTF-8 is U+FFFD, which is beyond the end too.
		if r >= end || units >= limit {
			return units, i
		}
		units++
	}
	return units, len(text)
}

func (o octet) next([]byte) int { return 1 }

// asciiLen returns the length of the longest prefix of s that is ASCII.
func asciiLen[T string | []byte](s T) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return i
		}
	}
	return len(s)
}

// mapped is one of the further parts of ISO 8859, one octet for each character.
type mapped uint8

const (
	// ISO8859_5 is ISO 8859-5, Latin and Cyrillic: data_coding 6.
	ISO8859_5 mapped = iota

	// ISO8859_8 is ISO 8859-8, Latin and Hebrew, in the order of the octets: data_coding 7. Octets without a character
	// decode to U+FFFD.
	ISO8859_8
)

// String implements [Charset].
func (m mapped) String() string { return [...]string{"ISO 8859-5", "ISO 8859-8"}[m] }

func (m mapped) charmap() *charmap.Charmap {
	return [...]*charmap.Charmap{charmap.ISO8859_5, charmap.ISO8859_8}[m]
}

// AppendEncode implements [Charset].
func (m mapped) AppendEncode(dst []byte, text string) ([]byte, error) {
	start, set := len(dst), m.charmap()
	dst = slices.Grow(dst, utf8.RuneCountInString(text))
	for i, r := range text {
		b, ok := set.EncodeRune(r)
		if !ok {
			return dst[:start], unencodable(m, text, i)
		}
		dst = append(dst, b)
	}
	return dst, nil
}

// AppendDecode implements [Charset].
func (m mapped) AppendDecode(dst, octets []byte) []byte {
	set := m.charmap()
	for _, b := range octets {
		dst = utf8.AppendRune(dst, set.DecodeByte(b))
	}
	return dst
}

// Units implements [Charset].
func (m mapped) Units(text string, limit int) (units, n int) {
	set := m.charmap()
	for i, r := range text {
		if _, ok := set.EncodeRune(r); !ok || units >= limit {
			return units, i
		}
		units++
	}
	return units, len(text)
}

func (m mapped) next([]byte) int { return 1 }
