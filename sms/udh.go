package sms

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/godwit-sms/smpp/coding"
)

// The identifiers of common elements of a user data header, 3GPP TS 23.040, 9.2.3.24.
const (
	ElementConcat8      uint8 = 0x00 // part of a long message, reference of 8 bits
	ElementSpecialSMS   uint8 = 0x01 // message waiting
	ElementPorts8       uint8 = 0x04
	ElementPorts16      uint8 = 0x05
	ElementConcat16     uint8 = 0x08 // part of a long message, reference of 16 bits
	ElementReplyAddress uint8 = 0x22
	ElementSingleShift  uint8 = 0x24 // national table for what follows an escape
	ElementLockingShift uint8 = 0x25 // national table in place of the default alphabet
)

// An Element is an information element of a user data header.
type Element struct {
	ID   uint8
	Data []byte // at most 253 octets
}

// Concat is the place of a part in a long message.
type Concat struct {
	Reference uint16 // tells messages between the same two addresses apart
	Total     uint8  // parts of the message; 0 if it is in one piece
	Index     uint8  // from 1 to Total
}

func (c Concat) valid() bool { return c.Index >= 1 && c.Index <= c.Total }

// Concat8 returns the element for a part of a long message with a reference of 8 bits.
func Concat8(reference, total, index uint8) Element {
	return Element{ElementConcat8, []byte{reference, total, index}}
}

// Concat16 returns the element for a part of a long message with a reference of 16 bits.
func Concat16(reference uint16, total, index uint8) Element {
	return Element{ElementConcat16, []byte{byte(reference >> 8), byte(reference), total, index}}
}

// Ports returns the element that addresses applications, with ports of 16 bits.
func Ports(dest, source uint16) Element {
	return Element{ElementPorts16, []byte{byte(dest >> 8), byte(dest), byte(source >> 8), byte(source)}}
}

// SingleShift returns the element that announces the single shift table of a language.
func SingleShift(l coding.Language) Element { return Element{ElementSingleShift, []byte{uint8(l)}} }

// LockingShift returns the element that announces the locking shift table of a language.
func LockingShift(l coding.Language) Element { return Element{ElementLockingShift, []byte{uint8(l)}} }

// A UDH is a user data header: the elements in the order of the wire, unknown and repeated ones included, so that a
// header that was read is written as it was. nil is no header at all; an empty header that is not nil is the length
// octet 0. 3GPP TS 23.040, 9.2.3.24.
type UDH []Element

// ParseUDH reads the header at the start of user data, and returns how many octets it takes, its length octet included.
// The data of the elements alias userData.
//
// Elements that do not add up make the header malformed, and all of it is to be ignored: then the header is nil and
// the error an [*Error], and n is still where the text starts. If the header is longer than the user data, n is 0.
func ParseUDH(userData []byte) (h UDH, n int, err error) {
	if len(userData) == 0 {
		return nil, 0, &Error{Field: "user data header", Rule: "its length octet is missing"}
	}
	n = 1 + int(userData[0])
	if n > len(userData) {
		return nil, 0, &Error{Field: "user data header", Value: fmt.Sprintf("of %d octets", n),
			Rule: fmt.Sprintf("it ends inside the %d octets of user data", len(userData))}
	}
	count := 0
	for at := 1; at < n; count++ {
		if at+2 > n || at+2+int(userData[at+1]) > n {
			return nil, n, &Error{Field: "user data header", Value: fmt.Sprintf("element at octet %d", at),
				Rule: fmt.Sprintf("elements end with the header, after %d octets", n)}
		}
		at += 2 + int(userData[at+1])
	}
	h = make(UDH, count)
	at := 1
	for i := range h {
		end := at + 2 + int(userData[at+1])
		h[i] = Element{ID: userData[at], Data: userData[at+2 : end : end]}
		at = end
	}
	return h, n, nil
}

// Len returns the number of octets of the header, its length octet included; 0 for nil.
func (h UDH) Len() int {
	if h == nil {
		return 0
	}
	n := 1
	for _, e := range h {
		n += 2 + len(e.Data)
	}
	return n
}

// Append appends the header to dst, its length octet included; nothing if h is nil. A header has at most 255 octets after
// the length octet; the error is an [*Error], and dst is returned as it was then.
func (h UDH) Append(dst []byte) ([]byte, error) {
	if h == nil {
		return dst, nil
	}
	if err := h.check(); err != nil {
		return dst, err
	}
	dst = append(dst, byte(h.Len()-1))
	for _, e := range h {
		dst = append(dst, e.ID, byte(len(e.Data)))
		dst = append(dst, e.Data...)
	}
	return dst, nil
}

func (h UDH) check() error {
	if n := h.Len(); n > 256 {
		return &Error{Field: "user data header", Value: fmt.Sprintf("of %d octets", n), Rule: "256 octets at most"}
	}
	return nil
}

// Get returns the data of the element with the identifier; of several, the last.
func (h UDH) Get(id uint8) (data []byte, ok bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].ID == id {
			return h[i].Data, true
		}
	}
	return nil, false
}

// Concat returns which part of a long message the header belongs to. Elements of the wrong size, with a total or an
// index of 0 or with an index beyond the total are ignored, and the last of the others counts.
func (h UDH) Concat() (Concat, bool) {
	c, _, ok := h.concat()
	return c, ok
}

func (h UDH) concat() (c Concat, m Method, ok bool) {
	for i := len(h) - 1; i >= 0; i-- {
		switch d := h[i].Data; {
		case h[i].ID == ElementConcat8 && len(d) == 3:
			c, m = Concat{uint16(d[0]), d[1], d[2]}, ByUDH
		case h[i].ID == ElementConcat16 && len(d) == 4:
			c, m = Concat{binary.BigEndian.Uint16(d), d[2], d[3]}, ByUDH16
		default:
			continue
		}
		if c.valid() {
			return c, m, true
		}
	}
	return Concat{}, 0, false
}

// Ports returns the application ports, of 8 or 16 bits. Elements of the wrong size are ignored, and the last of the
// others counts.
func (h UDH) Ports() (dest, source uint16, ok bool) {
	for i := len(h) - 1; i >= 0; i-- {
		switch d := h[i].Data; {
		case h[i].ID == ElementPorts8 && len(d) == 2:
			return uint16(d[0]), uint16(d[1]), true
		case h[i].ID == ElementPorts16 && len(d) == 4:
			return binary.BigEndian.Uint16(d), binary.BigEndian.Uint16(d[2:]), true
		}
	}
	return 0, 0, false
}

// SingleShift returns the language whose single shift table the header announces. It does not touch the locking table.
func (h UDH) SingleShift() (coding.Language, bool) { return h.language(ElementSingleShift) }

// LockingShift returns the language whose locking shift table the header announces. It does not touch the single shift
// table.
func (h UDH) LockingShift() (coding.Language, bool) { return h.language(ElementLockingShift) }

func (h UDH) language(id uint8) (coding.Language, bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if e := h[i]; e.ID == id && len(e.Data) == 1 {
			return coding.Language(e.Data[0]), true
		}
	}
	return coding.DefaultLanguage, false
}

// Clone returns a copy that shares no memory with h.
func (h UDH) Clone() UDH {
	if h == nil {
		return nil
	}
	c := make(UDH, len(h))
	for i, e := range h {
		c[i] = Element{e.ID, bytes.Clone(e.Data)}
	}
	return c
}

// String prints the elements as identifier and data in hexadecimal, "00:640201 24:01".
func (h UDH) String() string {
	var b []byte
	for i, e := range h {
		if i > 0 {
			b = append(b, ' ')
		}
		if e.ID < 0x10 {
			b = append(b, '0')
		}
		b = strconv.AppendUint(b, uint64(e.ID), 16)
		b = fmt.Appendf(b, ":%x", e.Data)
	}
	return string(b)
}
