package coding

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16BE is the type of UTF16.
type utf16BE uint8

// UTF16 is UTF-16 in big-endian order: data_coding 8, which the specification calls UCS-2. Characters beyond U+FFFF
// take two code units, as is the practice. A byte order mark is a character like any other.
//
// A surrogate without its other half and an odd octet at the end decode to U+FFFD each.
const UTF16 utf16BE = 0

// String implements [Charset].
func (utf16BE) String() string { return "UTF-16BE" }

// AppendEncode implements [Charset].
func (u utf16BE) AppendEncode(dst []byte, text string) ([]byte, error) {
	start := len(dst)
	for i := 0; i < len(text); {
		if cap(dst)-len(dst) < 4 {
			units, _ := u.Units(text[i:], len(text)*2)
			dst = slices.Grow(dst, units)
		}
		if c := text[i]; c < utf8.RuneSelf {
			dst = append(dst, 0, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case invalid(r, size):
			return dst[:start], unencodable(u, text, i)
		case r < 0x10000:
			dst = append(dst, byte(r>>8), byte(r))
		default:
			high, low := utf16.EncodeRune(r)
			dst = append(dst, byte(high>>8), byte(high), byte(low>>8), byte(low))
		}
		i += size
	}
	return dst, nil
}

// AppendDecode implements [Charset].
func (utf16BE) AppendDecode(dst, octets []byte) []byte {
	for len(octets) >= 2 {
		r := rune(binary.BigEndian.Uint16(octets))
		octets = octets[2:]
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
			continue
		}
		if utf16.IsSurrogate(r) {
			var low rune
			if len(octets) >= 2 {
				low = rune(binary.BigEndian.Uint16(octets))
			}
			// DecodeRune gives U+FFFD unless the two are a pair; then the second is read again, by itself.
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				octets = octets[2:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	if len(octets) > 0 {
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}

// Units implements [Charset].
func (utf16BE) Units(text string, limit int) (units, n int) {
	for n < len(text) {
		width, size := 2, 1
		if text[n] >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(text[n:])
			if invalid(r, size) {
				break
			}
			if r >= 0x10000 {
				width = 4
			}
		}
		if units+width > limit {
			break
		}
		units += width
		n += size
	}
	return units, n
}

func (utf16BE) next(octets []byte) int {
	if len(octets) < 2 {
		return 0
	}
	if r := rune(binary.BigEndian.Uint16(octets)); r < 0xD800 || r >= 0xDC00 {
		return 2
	}
	if len(octets) < 4 {
		return 0
	}
	if low := rune(binary.BigEndian.Uint16(octets[2:])); low < 0xDC00 || low >= 0xE000 {
		return 2
	}
	return 4
}
