package coding

import (
	"encoding/binary"
	"math"
	"slices"
)

// FillBits returns the number of fill bits, 0 to 6, between a user data header and packed text. header is the length of
// the header in octets, its length octet included, and 0 if there is none. The first septet starts at a multiple of seven
// bits from the start of the header (3GPP TS 23.040, 9.2.3.24).
func FillBits(header int) int { return max(header, 0) % 7 * 6 % 7 }

// PackedLen returns the number of octets that septets take when packed behind fill bits; 0 for no septets, which need no
// fill bits either.
func PackedLen(septets, fill int) int {
	if septets == 0 {
		return 0
	}
	return (7*septets + fill + 7) / 8
}

// UnpackedLen returns the number of septets that octets hold behind fill bits. Seven bits that are left over at the end
// count as one more, since packed text does not tell its length.
func UnpackedLen(octets, fill int) int { return max(8*octets-fill, 0) / 7 }

// AppendPack appends septets to dst, eight of them in seven octets: each takes the lowest bits that are free (3GPP TS
// 23.038, 6.1.2.1). It starts with fill bits, 0 to 7, see [FillBits]; they and the bits that remain free at the end are
// 0. The highest bit of each octet of septets is ignored. septets may be in dst behind its end.
//
// This is the bare packing. [Packed] adds the padding that keeps a text from growing an '@'.
func AppendPack(dst, septets []byte, fill int) []byte {
	if len(septets) == 0 {
		return dst
	}
	dst = slices.Grow(dst, PackedLen(len(septets), fill&7))
	acc, used := uint64(0), uint(fill&7) // bits on their way
	for ; len(septets) >= 8; septets = septets[8:] {
		acc |= squeeze(binary.LittleEndian.Uint64(septets)) << used
		dst = append(dst, byte(acc), byte(acc>>8), byte(acc>>16), byte(acc>>24), byte(acc>>32), byte(acc>>40), byte(acc>>48))
		acc >>= 56
	}
	for _, s := range septets {
		acc |= uint64(s&0x7F) << used
		if used += 7; used >= 8 {
			dst = append(dst, byte(acc))
			acc >>= 8
			used -= 8
		}
	}
	if used > 0 {
		dst = append(dst, byte(acc))
	}
	return dst
}

// AppendUnpack appends the septets that are packed in octets behind fill bits, 0 to 7, to dst: [UnpackedLen] of them, one
// an octet. Who knows their number from elsewhere cuts off what is beyond it.
func AppendUnpack(dst, octets []byte, fill int) []byte {
	fill &= 7
	n := UnpackedLen(len(octets), fill)
	dst = slices.Grow(dst, n)
	for ; n >= 8 && len(octets) >= 8; n -= 8 {
		dst = binary.LittleEndian.AppendUint64(dst, spread(binary.LittleEndian.Uint64(octets)>>fill))
		octets = octets[7:]
	}
	acc, bits := uint(0), -fill
	for _, o := range octets {
		if bits < 0 {
			acc = uint(o) >> fill
		} else {
			acc |= uint(o) << bits
		}
		for bits += 8; bits >= 7 && n > 0; n-- {
			dst = append(dst, byte(acc&0x7F))
			acc >>= 7
			bits -= 7
		}
	}
	return dst
}

// squeeze moves the septets of eight octets together, into the low 56 bits.
func squeeze(x uint64) uint64 {
	x = x&0x007F007F007F007F | x>>1&0x3F803F803F803F80
	x = x&0x00003FFF00003FFF | x>>2&0x0FFFC0000FFFC000
	return x&0x0FFFFFFF | x>>4&0x00FFFFFFF0000000
}

// spread is the opposite of squeeze; the high 8 bits are ignored.
func spread(x uint64) uint64 {
	x = x&0x0FFFFFFF | x<<4&0x0FFFFFFF00000000
	x = x&0x00003FFF00003FFF | x<<2&0x3FFF00003FFF0000
	return x&0x007F007F007F007F | x<<1&0x7F007F007F007F00
}

// Packed is a GSM 7-bit alphabet with its septets packed, eight characters in seven octets. Few message centers want this
// on SMPP, where a septet is an octet as a rule. The zero value is GSM7 without a header. Units are octets.
//
// Packed text does not tell how many septets it has, and seven bits left over at the end would read as an '@'. A carriage
// return fills them, and one more follows a carriage return that is text but looks like such a filler (3GPP TS 23.038,
// 6.1.2.3.1). Decoding takes them away again: of the carriage returns at the end, each that ends with its octet.
type Packed struct {
	Alphabet GSM // the zero value is GSM7

	// Header is the length in octets of the user data header in front of the text, its length octet included; 0 means
	// that there is none. It decides about the fill bits.
	Header int
}

// String returns the name of the alphabet, followed by ", packed".
func (p Packed) String() string { return p.Alphabet.String() + ", packed" }

// stackSeptets is the length of the texts that are packed without memory from the heap; a message has 160 septets.
const stackSeptets = 256

// AppendEncode implements [Charset].
func (p Packed) AppendEncode(dst []byte, text string) ([]byte, error) {
	var buf [stackSeptets]byte
	septets, err := p.Alphabet.AppendEncode(buf[:0], text)
	if err != nil {
		_, n := p.Alphabet.Units(text, math.MaxInt)
		return dst, unencodable(p, text, n)
	}
	fill := FillBits(p.Header)
	for n := padded(len(septets), trailingCR(septets), fill); len(septets) < n; {
		septets = append(septets, '\r')
	}
	return AppendPack(dst, septets, fill), nil
}

// AppendDecode implements [Charset].
func (p Packed) AppendDecode(dst, octets []byte) []byte {
	var buf [stackSeptets]byte
	fill := FillBits(p.Header)
	septets := AppendUnpack(buf[:0], octets, fill)
	n := len(septets)
	septets = septets[:n-fillers(n-trailingCR(septets), n, fill)]
	return p.Alphabet.AppendDecode(dst, septets)
}

// Units implements [Charset].
func (p Packed) Units(text string, limit int) (units, n int) {
	fill := FillBits(p.Header)
	limit = min(limit, 2*len(text)+2) // no text takes more, and the product with 8 does not overflow
	septets, n := p.Alphabet.Units(text, UnpackedLen(limit, fill))
	run := 0
	for run < n && text[n-1-run] == '\r' {
		run++
	}
	for {
		if units = PackedLen(padded(septets, run, fill), fill); units <= limit || n == 0 {
			return units, n
		}
		// Without one of its carriage returns it needs fewer fillers.
		n, septets, run = n-1, septets-1, run-1
	}
}

// padded returns the number of septets, fillers included, of a text that ends with run carriage returns. It never leaves
// room for a whole septet at the end.
func padded(septets, run, fill int) int {
	if septets == 0 {
		return 0
	}
	for n := septets + max(run/7-1, 0); ; n++ {
		if n-fillers(septets-run, n, fill) == septets && (7*n+fill)%8 != 1 {
			return n
		}
	}
}

// fillers returns how many of the septets from start to end end with an octet.
func fillers(start, end, fill int) int {
	// Septet i ends with an octet if 7(i+1) + fill is a multiple of 8, which is to say i+1 = fill modulo 8.
	through := func(n int) int { return (n - fill + 8) / 8 }
	return through(end) - through(start)
}

// trailingCR returns the number of carriage returns at the end.
func trailingCR(septets []byte) int {
	n := len(septets)
	for n > 0 && septets[n-1] == '\r' {
		n--
	}
	return len(septets) - n
}
