package pdu

import (
	"encoding/binary"
	"fmt"
)

// HeaderLen is the number of octets of the header of every PDU.
const HeaderLen = 16

// DefaultMaxLen is the default limit for the octets of a PDU: room for a
// submit_multi with 255 destinations and a full message_payload, and more.
const DefaultMaxLen = 128 << 10

// MaxTLVs is how many TLVs a PDU may have, sent or received: a PDU of empty ones
// would take many times its octets of memory.
const MaxTLVs = 1024

// A Header is what every PDU starts with. The length is not part of it: it is
// computed when a PDU is encoded. SMPP v5.0, section 3.2.
type Header struct {
	Command  CommandID
	Status   Status // 0 in requests
	Sequence uint32 // 1 to 0x7FFFFFFF; 0 only in a generic_nack
}

// A Body is all of a PDU but its header. The standard bodies are pointers to
// the structs of this package; a type of your own becomes one with these two
// methods and Register. A Body may be encoded by several goroutines at once as
// long as nobody changes it.
type Body interface {
	// Command returns the command_id. It is also called on a nil pointer.
	Command() CommandID
	// Fields describes the fields in the order of the wire, by calling one
	// method of c for each and nothing else. It serves to encode, decode, print
	// and check alike, so it must not depend on the direction.
	Fields(c *Codec)
}

// A Request is a Body that is answered by an R.
type Request[R Body] interface {
	Body
	// NewResponse returns an empty response. It is also called on a nil pointer.
	NewResponse() R
}

// Unknown is the body of a command that the registry does not know. It encodes
// to the octets it was decoded from.
type Unknown struct {
	ID  CommandID
	Raw []byte // all octets after the header
}

// Command returns the ID.
func (u *Unknown) Command() CommandID {
	if u == nil {
		return 0
	}
	return u.ID
}

// Fields describes the body as raw octets.
func (u *Unknown) Fields(c *Codec) { c.Rest("raw", &u.Raw) }

// ParseHeader reads the header of a PDU. length is the command_length that the
// frame announces; the frame may hold less or more.
func ParseHeader(frame []byte) (h Header, length uint32, err error) {
	if len(frame) < HeaderLen {
		return h, 0, headerCut(len(frame))
	}
	h.Command = CommandID(binary.BigEndian.Uint32(frame[4:]))
	h.Status = Status(binary.BigEndian.Uint32(frame[8:]))
	h.Sequence = binary.BigEndian.Uint32(frame[12:])
	return h, binary.BigEndian.Uint32(frame), nil
}

func headerCut(n int) error {
	return fmt.Errorf("header: %d octets: a PDU starts with %d octets of header", n, HeaderLen)
}

// Append appends the octets of a PDU to dst with the standard registry and the
// rules of SMPP v5.0. h.Command may be zero when body is not nil. A nil body
// makes a PDU of a header alone, as responses with an error usually are.
func Append(dst []byte, h Header, body Body) ([]byte, error) {
	c := getCodec()
	defer putCodec(c)
	return c.Append(dst, h, body)
}

// Decode reads one PDU, whose octets must be exactly those of frame, with the
// standard registry. See Codec.Decode.
func Decode(frame []byte) (Header, Body, error) {
	c := getCodec()
	defer putCodec(c)
	return c.Decode(frame)
}

// Clone returns a copy of a body that shares no memory with it. A decoded body
// keeps alive the octets of its frame, and those of the PDUs read together with
// it; keeping a clone of it instead lets them go.
func Clone[T any, P interface {
	*T
	Body
}](p P) P {
	if p == nil {
		return nil
	}
	v := *p
	c := getCodec()
	defer putCodec(c)
	c.slow = cloner{}
	c.mode = modeVisit
	P(&v).Fields(c)
	return &v
}
