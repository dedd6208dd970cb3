package tlv

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// A Tag names a TLV on the wire. 0x1400 to 0x3FFF belong to message center
// vendors (SMPP v5.0, table 4-59).
type Tag uint16

// An Option is one TLV as it stands in a PDU: a tag and the raw octets of its
// value. A nil and an empty Value are the same on the wire.
type Option struct {
	Tag   Tag
	Value []byte

	err error // why Key.Set could not write the value; reported when encoding
}

// Err returns the reason why a Key could not write the value of the option, or
// nil. Such an option cannot be encoded.
func (o Option) Err() error { return o.err }

// A List holds the TLVs of one PDU in the order of the wire, unknown and
// repeated ones included. The zero value is an empty list. A List may be read
// concurrently as long as nobody changes it.
type List []Option

// Get returns the value of the first option with the tag.
func (l List) Get(tag Tag) (value []byte, ok bool) {
	for i := range l {
		if l[i].Tag == tag {
			return l[i].Value, true
		}
	}
	return nil, false
}

// Has reports whether an option with the tag is in the list.
func (l List) Has(tag Tag) bool {
	_, ok := l.Get(tag)
	return ok
}

// All returns the values of the options with the tag, in order.
func (l List) All(tag Tag) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range l {
			if l[i].Tag == tag && !yield(l[i].Value) {
				return
			}
		}
	}
}

// Add appends an option, whether or not the tag is in the list already.
func (l *List) Add(tag Tag, value []byte) { *l = append(*l, Option{Tag: tag, Value: value}) }

// Set makes value the only one with the tag: the first option with the tag
// keeps its place in the list, further ones are removed.
func (l *List) Set(tag Tag, value []byte) { l.set(Option{Tag: tag, Value: value}) }

func (l *List) set(o Option) {
	for i := range *l {
		if (*l)[i].Tag == o.Tag {
			(*l)[i] = o
			rest := (*l)[i+1:]
			*l = (*l)[:i+1+len(deleteTag(rest, o.Tag))]
			return
		}
	}
	*l = append(*l, o)
}

// Delete removes every option with the tag.
func (l *List) Delete(tag Tag) { *l = deleteTag(*l, tag) }

func deleteTag(l List, tag Tag) List {
	kept := l[:0]
	for _, o := range l {
		if o.Tag != tag {
			kept = append(kept, o)
		}
	}
	clear(l[len(kept):])
	return kept
}

// Clone returns a copy that shares no memory with l.
func (l List) Clone() List {
	if l == nil {
		return nil
	}
	c := make(List, len(l))
	for i, o := range l {
		o.Value = bytes.Clone(o.Value)
		c[i] = o
	}
	return c
}

// Append appends the wire form of the list to dst. The error names the first
// option that cannot be written: one whose Key refused the value, or one with
// more than 65,535 octets. dst is returned as it was then.
func (l List) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	for i := range l {
		o := &l[i]
		if o.err != nil {
			return dst[:start], o.err
		}
		n := len(o.Value)
		if n > 0xFFFF {
			return dst[:start], &Error{Tag: o.Tag, Fault: FaultLength, Rule: "a value has at most 65535 octets", Length: n}
		}
		dst = append(dst, byte(o.Tag>>8), byte(o.Tag), byte(n>>8), byte(n))
		dst = append(dst, o.Value...)
	}
	return dst, nil
}

// Parse reads a list from the octets after the mandatory fields of a PDU. The
// values alias data. The error has FaultStream and the offset in data at which
// the list stops making sense; the options before it are returned.
func Parse(data []byte) (List, error) {
	n := 0
	var fault *Error
	for at := 0; at < len(data); n++ {
		if len(data)-at < 4 {
			fault = &Error{Fault: FaultStream, Offset: at, Length: len(data) - at, Rule: "a TLV starts with 2 octets of tag and 2 of length"}
			break
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if size > len(data)-at-4 {
			fault = &Error{Tag: Tag(binary.BigEndian.Uint16(data[at:])), Fault: FaultStream, Offset: at, Length: size, Rule: "the value ends inside the PDU"}
			break
		}
		at += 4 + size
	}
	var l List
	if n > 0 {
		l = make(List, n)
		at := 0
		for i := range l {
			end := at + 4 + int(binary.BigEndian.Uint16(data[at+2:]))
			l[i] = Option{Tag: Tag(binary.BigEndian.Uint16(data[at:])), Value: data[at+4 : end : end]}
			at = end
		}
	}
	if fault != nil {
		return l, fault
	}
	return l, nil
}
