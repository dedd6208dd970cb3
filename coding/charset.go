package coding

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// A Charset is a character set as short messages carry it: it turns text into octets and back. Implementations are
// safe for concurrent use and keep no state between calls, so that every part of a split message stands for itself.
type Charset interface {
	// String returns the name of the character set, such as "GSM 7-bit".
	String() string

	// AppendEncode appends text in this character set to dst. If a character cannot be written, it returns dst as it
	// was and an [*EncodeError] that names the first such character. Octets of text that are not valid UTF-8 cannot
	// be written either.
	AppendEncode(dst []byte, text string) ([]byte, error)

	// AppendDecode appends the text of octets to dst as valid UTF-8. It never fails: what has no meaning in this
	// character set becomes U+FFFD unless the character set has a rule of its own for it.
	AppendDecode(dst, octets []byte) []byte

	// Units measures the longest prefix of text that can be written in at most limit octets. It returns the number of
	// octets it takes and its length in bytes of text. The prefix ends between two characters: never within an escape
	// sequence or a surrogate pair. It ends in front of a character that cannot be written.
	Units(text string, limit int) (units, n int)
}

// An EncodeError tells which character of a text a character set does not have.
type EncodeError struct {
	Charset     Charset
	Rune        rune // the first character that cannot be written; U+FFFD if InvalidUTF8
	Offset      int  // where it starts, in bytes of the text
	InvalidUTF8 bool // the text is not valid UTF-8 at Offset
}

// Error names the character, its place and the character set.
func (e *EncodeError) Error() string {
	if e.InvalidUTF8 {
		return fmt.Sprintf("coding: text is not valid UTF-8 at byte %d", e.Offset)
	}
	return fmt.Sprintf("coding: %#U at byte %d is not in %v", e.Rune, e.Offset, e.Charset)
}

// unencodable returns the error for the character at offset.
func unencodable(cs Charset, text string, offset int) *EncodeError {
	r, size := utf8.DecodeRuneInString(text[offset:])
	return &EncodeError{Charset: cs, Rune: r, Offset: offset, InvalidUTF8: invalid(r, size)}
}

// invalid reports whether utf8.DecodeRune found no character.
func invalid(r rune, size int) bool { return r == utf8.RuneError && size <= 1 }

// orGSM7 is the rule for a nil Charset.
func orGSM7(cs Charset) Charset {
	if cs == nil {
		return GSM7
	}
	return cs
}

// Encode returns text in the character set cs. The error is an [*EncodeError] that names the first character that
// cannot be written; then there are no octets.
func Encode(cs Charset, text string) ([]byte, error) {
	octets, err := orGSM7(cs).AppendEncode(nil, text)
	if err != nil {
		return nil, err
	}
	return octets, nil
}

// Decode returns the text of octets in the character set cs, as [Charset].AppendDecode gives it.
func Decode(cs Charset, octets []byte) string {
	// Calls to concrete types keep the buffer on the stack; 160 GSM characters fit whatever they are.
	var buf [480]byte
	switch cs := orGSM7(cs).(type) {
	case GSM:
		return string(cs.AppendDecode(buf[:0], octets))
	case Packed:
		return string(cs.AppendDecode(buf[:0], octets))
	case utf16BE:
		return string(cs.AppendDecode(buf[:0], octets))
	case octet:
		return string(cs.AppendDecode(buf[:0], octets))
	case double:
		return string(cs.AppendDecode(buf[:0], octets))
	case iso2022:
		return string(cs.AppendDecode(buf[:0], octets))
	default:
		return string(cs.AppendDecode(nil, octets))
	}
}

// Encodable reports whether cs can carry text without loss.
func Encodable(cs Charset, text string) bool {
	_, ok := Len(cs, text)
	return ok
}

// Len returns the number of octets that text takes in cs, which for the GSM alphabets is the number of septets, an
// escape included, unless they are [Packed]. ok is false if cs cannot carry text; units then counts what stands in front of the first
// character that cannot be written.
func Len(cs Charset, text string) (units int, ok bool) {
	units, n := orGSM7(cs).Units(text, math.MaxInt)
	return units, n == len(text)
}

// Cut returns the length in bytes of the longest prefix of text that cs writes in at most limit octets; septets for the
// GSM alphabets. The prefix ends neither within an escape sequence nor within a surrogate pair, and in front of a
// character that cannot be written. It is 0 if not even the first character fits.
func Cut(cs Charset, text string, limit int) int {
	_, n := orGSM7(cs).Units(text, limit)
	return n
}

// Choose returns the cheapest of the allowed character sets that can carry text; nil and false if none can. Without
// allowed ones it chooses between [GSM7] and [UTF16], which only fails for text that is not valid UTF-8.
//
// Cost is counted in bits on the air: 7 for each unit of a GSM alphabet, plus the user data header that announces
// national tables, and 8 for each octet of any other. The earlier of two that cost the same wins.
func Choose(text string, allowed ...Charset) (Charset, bool) {
	if len(allowed) == 0 {
		// The first nearly always fits, and when it does nothing is cheaper.
		if Encodable(GSM7, text) {
			return GSM7, true
		}
		if Encodable(UTF16, text) {
			return UTF16, true
		}
		return nil, false
	}
	var best Charset
	least := math.MaxInt
	for _, cs := range allowed {
		cs = orGSM7(cs)
		units, ok := Len(cs, text)
		if !ok {
			continue
		}
		bits := 8 * units
		switch cs := cs.(type) {
		case GSM:
			bits = 7*units + 8*cs.headerLen()
		case Packed:
			bits += 8 * cs.Alphabet.headerLen()
		}
		if bits < least {
			best, least = cs, bits
		}
	}
	return best, best != nil
}
