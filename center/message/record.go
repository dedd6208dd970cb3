package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// The first octet of a record is its form. A form that was written once is read
// for ever. The second one is written only for what the first has no place for.
const (
	recordForm  = 1
	recordForm2 = 2 // with flags and areas behind the words

	flagSent = 1 << 0
)

// AppendRecord appends m to dst as a store keeps it: everything, with the
// content, which is the text and the TLVs, at the end. Times keep their
// nanoseconds but not their zone. ParseRecord reads it.
func AppendRecord(dst []byte, m *Message) []byte { return AppendContent(AppendFacts(dst, m), m) }

// AppendFacts appends the record of m without its content to dst.
func AppendFacts(dst []byte, m *Message) []byte {
	form := byte(recordForm)
	if m.Sent || len(m.Areas) > 0 {
		form = recordForm2
	}
	b := append(dst, form)
	b = binary.BigEndian.AppendUint64(b, uint64(m.ID))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Group))
	b = append(b, byte(m.Kind)|byte(m.IDFormat)<<4, byte(m.State), byte(m.ESMClass), m.ProtocolID, m.Priority, byte(m.RegisteredDelivery), byte(m.DataCoding),
		byte(m.Error.Type), byte(m.Source.TON), byte(m.Source.NPI), byte(m.Dest.TON), byte(m.Dest.NPI))
	b = binary.AppendUvarint(b, uint64(m.Error.Code))
	b = binary.AppendUvarint(b, uint64(m.Dests))
	b = binary.AppendUvarint(b, m.Origin)
	b = binary.AppendUvarint(b, uint64(m.Attempts))
	for _, t := range [...]time.Time{m.Submitted, m.Due, m.Expires, m.Final, m.Next} {
		if t.IsZero() {
			b = append(b, 0)
		} else {
			b = binary.AppendVarint(b, t.UnixNano())
		}
	}
	words := m.words()
	for _, s := range words {
		b = binary.AppendUvarint(b, uint64(len(*s)))
	}
	for _, s := range words {
		b = append(b, *s...)
	}
	if form == recordForm2 {
		b = m.appendMore(b)
	}
	return b
}

// appendMore appends what only form 2 has.
func (m *Message) appendMore(b []byte) []byte {
	flags := uint64(0)
	if m.Sent {
		flags |= flagSent
	}
	b = binary.AppendUvarint(b, flags)
	b = binary.AppendUvarint(b, uint64(len(m.Areas)))
	for i := range m.Areas {
		a := &m.Areas[i]
		b = binary.AppendUvarint(b, uint64(len(a.ID)))
		b = append(b, a.ID...)
		b = binary.AppendUvarint(b, uint64(a.Tried))
		b = binary.AppendUvarint(b, uint64(a.Reached))
	}
	return b
}

// readMore reads what appendMore wrote.
func (m *Message) readMore(r *reader) {
	m.Sent = r.upTo(flagSent)&flagSent != 0
	n := int(r.upTo(uint64(len(r.b)))) // each takes three octets at least
	if n > 0 && !r.failed {
		m.Areas = make([]Area, 0, min(n, 255))
	}
	for ; n > 0 && !r.failed; n-- {
		id := string(r.octets(int(r.upTo(uint64(len(r.b))))))
		m.Areas = append(m.Areas, Area{ID: id, Tried: uint32(r.upTo(1<<32 - 1)), Reached: uint32(r.upTo(1<<32 - 1))})
	}
}

// words are the strings of a message, which stand side by side in a record, so
// that reading them takes one allocation.
func (m *Message) words() [5]*string {
	return [...]*string{&m.Alias, &m.Account, &m.ServiceType, &m.Source.Addr, &m.Dest.Addr}
}

// AppendContent appends the text and the TLVs of m to dst. SetContent reads them.
func AppendContent(dst []byte, m *Message) []byte {
	b := binary.AppendUvarint(dst, uint64(len(m.Text)))
	b = append(b, m.Text...)
	b = binary.AppendUvarint(b, uint64(len(m.TLVs)))
	for _, o := range m.TLVs {
		b = binary.BigEndian.AppendUint16(b, uint16(o.Tag))
		b = binary.AppendUvarint(b, uint64(len(o.Value)))
		b = append(b, o.Value...)
	}
	return b
}

// ErrRecord means that octets are no record of a message.
var ErrRecord = errors.New("message: the record is damaged")

// ParseRecord reads what AppendRecord or AppendFacts wrote. The message owns its
// memory. The error wraps ErrRecord, or tells of a record that a newer version
// wrote.
func ParseRecord(b []byte) (*Message, error) {
	m := new(Message)
	rest, err := m.SetFacts(b)
	if err == nil && len(rest) > 0 {
		err = m.SetContent(rest)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// ParseFacts reads a record and leaves its content out.
func ParseFacts(b []byte) (*Message, error) {
	m := new(Message)
	if _, err := m.SetFacts(b); err != nil {
		return nil, err
	}
	return m, nil
}

// SetFacts sets all of the message but its content to what a record has, and
// returns the content, which SetContent reads, as a part of b. The errors are
// those of ParseRecord; m is of no use then.
func (m *Message) SetFacts(b []byte) (content []byte, err error) {
	if len(b) > 0 && b[0] > recordForm2 {
		return nil, fmt.Errorf("message: a record of form %d; this version reads up to %d", b[0], recordForm2)
	}
	r := reader{b: b}
	*m = Message{}
	form := r.octets(1)
	ids := r.octets(16)
	fixed := r.octets(12)
	if r.failed || form[0] < recordForm {
		return nil, ErrRecord
	}
	m.ID, m.Group = ID(binary.BigEndian.Uint64(ids)), ID(binary.BigEndian.Uint64(ids[8:]))
	m.Kind, m.IDFormat, m.State, m.ESMClass, m.ProtocolID = Kind(fixed[0]&0xF), Format(fixed[0]>>4), State(fixed[1]), pdu.ESMClass(fixed[2]), fixed[3]
	m.Priority, m.RegisteredDelivery, m.DataCoding = fixed[4], pdu.RegisteredDelivery(fixed[5]), pdu.DataCoding(fixed[6])
	m.Error.Type = pdu.NetworkErrorType(fixed[7])
	m.Source.TON, m.Source.NPI, m.Dest.TON, m.Dest.NPI = pdu.TON(fixed[8]), pdu.NPI(fixed[9]), pdu.TON(fixed[10]), pdu.NPI(fixed[11])
	m.Error.Code = uint16(r.upTo(1<<16 - 1))
	m.Dests = int(r.upTo(1<<31 - 1))
	m.Origin = r.upTo(1<<64 - 1)
	m.Attempts = int(r.upTo(1<<31 - 1))
	for _, t := range [...]*time.Time{&m.Submitted, &m.Due, &m.Expires, &m.Final, &m.Next} {
		*t = r.time()
	}
	words := m.words()
	var ends [len(words)]int
	total := 0
	for i := range ends {
		total += int(r.upTo(uint64(len(b))))
		ends[i] = total
	}
	text := string(r.octets(total))
	if r.failed {
		return nil, ErrRecord
	}
	from := 0
	for i, s := range words {
		*s = text[from:ends[i]]
		from = ends[i]
	}
	if form[0] == recordForm2 {
		if m.readMore(&r); r.failed {
			return nil, ErrRecord
		}
	}
	return r.b, nil
}

// SetContent sets the text and the TLVs to what AppendContent wrote. They own
// their memory. The error is ErrRecord.
func (m *Message) SetContent(b []byte) error {
	r := reader{b: append([]byte(nil), b...)}
	text := r.octets(int(r.upTo(uint64(len(b)))))
	n := int(r.upTo(uint64(len(b)))) // each takes an octet at least
	var list tlv.List
	if n > 0 && !r.failed {
		list = make(tlv.List, 0, min(n, 64))
	}
	for ; n > 0 && !r.failed; n-- {
		if tag := r.octets(2); !r.failed {
			list.Add(tlv.Tag(binary.BigEndian.Uint16(tag)), r.octets(int(r.upTo(1<<16-1))))
		}
	}
	if r.failed || len(r.b) > 0 {
		return ErrRecord
	}
	m.Text, m.TLVs = text, list
	return nil
}

// A reader takes a record apart. After the first fault everything is zero.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) octets(n int) []byte {
	if r.failed || n > len(r.b) {
		r.failed = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) upTo(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.failed || n <= 0 || v > limit {
		r.failed = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) time() time.Time {
	v, n := binary.Varint(r.b)
	if r.failed || n <= 0 {
		r.failed = true
		return time.Time{}
	}
	r.b = r.b[n:]
	if v == 0 {
		return time.Time{}
	}
	return time.Unix(0, v).UTC()
}
