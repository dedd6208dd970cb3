package tlv

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// A Form is the wire form of the values of a TLV: how a T is written and read,
// and how many octets it may take. Build one with the functions of this
// package, or with NewForm for a structure of your own.
type Form[T any] struct {
	kind     string
	min, max int
	scalar   bool // every value within min and max octets is well formed
	appendTo func([]byte, T) ([]byte, error)
	parse    func([]byte) (T, error)
}

// NewForm makes a form. kind is a word for dumps and documentation; min and
// max bound the octets of the value and are checked before parse is called and
// after appendTo. parse must not keep or change what it is given beyond
// aliasing it, and returns an *Error (its Tag and Name are filled in) or any
// other error, which counts as FaultValue.
func NewForm[T any](kind string, min, max int, appendTo func(dst []byte, v T) ([]byte, error), parse func(octets []byte) (T, error)) Form[T] {
	return Form[T]{kind: kind, min: min, max: max, appendTo: appendTo, parse: parse}
}

func scalar[T any](kind string, size int, appendTo func([]byte, T) []byte, parse func([]byte) T) Form[T] {
	return Form[T]{
		kind: kind, min: size, max: size, scalar: true,
		appendTo: func(dst []byte, v T) ([]byte, error) { return appendTo(dst, v), nil },
		parse:    func(b []byte) (T, error) { return parse(b), nil },
	}
}

// Uint8 is an integer of one octet.
func Uint8() Form[uint8] { return U8[uint8]() }

// U8 is an integer of one octet with a type of its own, such as an enumeration.
func U8[T ~uint8]() Form[T] {
	return scalar("uint8", 1, func(dst []byte, v T) []byte { return append(dst, byte(v)) }, func(b []byte) T { return T(b[0]) })
}

// Uint16 is a big endian integer of two octets.
func Uint16() Form[uint16] { return U16[uint16]() }

// U16 is an integer of two octets with a type of its own.
func U16[T ~uint16]() Form[T] {
	return scalar("uint16", 2,
		func(dst []byte, v T) []byte { return binary.BigEndian.AppendUint16(dst, uint16(v)) },
		func(b []byte) T { return T(binary.BigEndian.Uint16(b)) })
}

// Uint32 is a big endian integer of four octets.
func Uint32() Form[uint32] { return U32[uint32]() }

// U32 is an integer of four octets with a type of its own.
func U32[T ~uint32]() Form[T] {
	return scalar("uint32", 4,
		func(dst []byte, v T) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) },
		func(b []byte) T { return T(binary.BigEndian.Uint32(b)) })
}

// Empty is a TLV without a value: its presence is the message. Set writes it
// whatever the value given.
func Empty() Form[struct{}] {
	return scalar("empty", 0, func(dst []byte, _ struct{}) []byte { return dst }, func([]byte) struct{} { return struct{}{} })
}

// CString is a string that ends with a NUL octet on the wire, max octets at
// most with the NUL. When reading, the length of the TLV governs: the NUL may
// be missing, and a NUL inside ends the string.
func CString(max int) Form[string] { return CStringOf[string](1, max) }

// CStringOf is CString with a type of its own and a least number of octets,
// NUL included. One octet less is accepted when reading, for the NUL that many
// peers leave out.
func CStringOf[T ~string](min, max int) Form[T] {
	return Form[T]{
		kind: "cstring", min: min - 1, max: max, scalar: true,
		appendTo: func(dst []byte, v T) ([]byte, error) {
			if i := strings.IndexByte(string(v), 0); i >= 0 {
				return dst, &Error{Fault: FaultValue, Value: strconv.Quote(string(v)), Rule: "a C-octet string has no NUL inside"}
			}
			if n := len(v) + 1; n < min || n > max {
				return dst, &Error{Fault: FaultLength, Length: n, Rule: fmt.Sprintf("%d to %d octets with the NUL are allowed", min, max)}
			}
			return append(append(dst, v...), 0), nil
		},
		parse: func(b []byte) (T, error) {
			for i, c := range b {
				if c == 0 {
					b = b[:i]
					break
				}
			}
			return T(b), nil
		},
	}
}

// Octets is min to max raw octets. The values read alias the PDU.
func Octets(min, max int) Form[[]byte] {
	return Form[[]byte]{
		kind: "octets", min: min, max: max, scalar: true,
		appendTo: func(dst []byte, v []byte) ([]byte, error) { return append(dst, v...), nil },
		parse:    func(b []byte) ([]byte, error) { return b[:len(b):len(b)], nil },
	}
}

// Digits is a string of exactly n octets without a NUL, as node ids are.
func Digits(n int) Form[string] {
	return Form[string]{
		kind: "digits", min: n, max: n, scalar: true,
		appendTo: func(dst []byte, v string) ([]byte, error) { return append(dst, v...), nil },
		parse:    func(b []byte) (string, error) { return string(b), nil },
	}
}
