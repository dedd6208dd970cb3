package pdu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/godwit-sms/smpp/tlv"
)

// A Codec turns bodies into octets and back. The Fields method of a body calls
// its field methods; whether they write, read, print or check is up to the
// codec. Keep one where PDUs are made or read in numbers: used again, it
// allocates nothing of its own, and bodies a few at a time. It must not be used concurrently.
//
// In a field method, name is the specification's name, max the most octets
// (with the NUL, for strings), and status what answers a value that breaks the
// rule; a zero status stands for StatusInvalidCommandLength.
type Codec struct {
	buf      []byte // modeEncode: what has been written; modeDecode: the frame
	pos      int    // modeDecode: the next octet to read, at most len(buf)
	mode     mode
	ordinal  int // modeEncode: fields walked so far
	nextRule int // ordinal of the field that the next rule is about, or -1
	ruleAt   int // index in rules of the next rule
	rules    []compiledRule

	version     Version
	lenient     Strictness
	withoutTLVs bool
	reuse       bool
	dropped     int // informational TLVs left out for an older peer by the last Append

	header Header
	err    error
	reg    *Registry
	slow   visitor

	submits      slab[SubmitSM]
	submitResps  slab[SubmitSMResp]
	deliveries   slab[DeliverSM]
	deliverResps slab[DeliverSMResp]
}

// A slab makes bodies several at a time, more of them as it goes on, which costs
// less than one by one. Who keeps one of them keeps the others, as with the
// frames of what is read together.
type slab[T any] struct {
	left []T
	size int
	lent *T // the one that is used again and again
}

const maxSlab = 8

func (s *slab[T]) next(reuse bool) *T {
	if reuse {
		if s.lent == nil {
			s.lent = new(T)
		}
		return s.lent // decoding sets every field
	}
	if len(s.left) == 0 {
		s.size = min(max(2*s.size, 1), maxSlab)
		s.left = make([]T, s.size)
	}
	p := &s.left[0]
	s.left = s.left[1:]
	return p
}

// fresh returns an empty body.
func (c *Codec) fresh(cmd *command) Body {
	switch cmd.id {
	case IDSubmitSM:
		return c.submits.next(c.reuse)
	case IDSubmitSMResp:
		return c.submitResps.next(c.reuse)
	case IDDeliverSM:
		return c.deliveries.next(c.reuse)
	case IDDeliverSMResp:
		return c.deliverResps.next(c.reuse)
	}
	return cmd.new()
}

type mode uint8

const (
	modeEncode mode = iota
	modeDecode
	modeVisit    // hand each field to slow
	modeAnnotate // decode, and hand each field to slow with its place
)

// A Strictness says how much a decoder forgives.
type Strictness uint8

const (
	// Lenient, the zero value, forgives what is met in the field: up to three
	// NULs after the last field, TLVs of odd but unambiguous lengths, a
	// short_message beside a message_payload.
	Lenient Strictness = iota
	// Strict forgives nothing.
	Strict
	// ReportOnly also accepts TLVs that break the rules of their tag and
	// mandatory TLVs that are missing.
	ReportOnly
)

// A visitor is what a walk does when it neither encodes nor decodes. Each
// method is given a field and returns its new value.
type visitor interface {
	uint(f field, v uint64) uint64
	str(f field, v string) string
	octets(f field, v []byte) []byte
	list(f field, n int) int // n elements follow
	element(i int)
	endList()
	tlvs(c *Codec, l tlv.List) tlv.List
}

// A field describes one field of a walk.
type field struct {
	name   string
	kind   fieldKind
	size   int    // octets of an integer
	max    int    // octets of a string (NUL included) or of octets; most elements of a list
	min    int    // least elements of a list
	sizes  []int  // of a string with fixed sizes, NUL included
	length string // name of the field that holds the length or the count
	status Status
}

type fieldKind uint8

const (
	kindUint fieldKind = iota + 1
	kindCString
	kindFixed // a string of exactly one of sizes octets
	kindOctets
	kindRest
	kindList
	kindTLVs
)

// NewCodec returns a codec for the commands and TLVs of reg (nil: Standard) and
// the rules of version v (0: V50). Encoding refuses what the version does not
// have; decoding accepts what any version has.
func NewCodec(reg *Registry, v Version) *Codec {
	if reg == nil {
		reg = Standard()
	}
	if v == 0 {
		v = V50
	}
	return &Codec{reg: reg, version: v.Known()}
}

// SetVersion changes the version, as when a bind has settled it.
func (c *Codec) SetVersion(v Version) { c.version = v.Known() }

// SetWithoutTLVs makes Append treat TLVs as for a v3.3 peer whatever the
// version: for an ESME that claims v3.3 and binds as v3.4 has it.
func (c *Codec) SetWithoutTLVs(b bool) { c.withoutTLVs = b }

// Version returns the version whose rules Append applies.
func (c *Codec) Version() Version { return c.version }

// SetStrictness changes how much Decode forgives.
func (c *Codec) SetStrictness(s Strictness) { c.lenient = s }

// SetReuse makes Decode use bodies again: the one it returns is good until the
// next Decode, which may return the same with other values. Then submit_sm,
// deliver_sm and their responses are decoded without an allocation, TLVs aside.
func (c *Codec) SetReuse(b bool) { c.reuse = b }

// Dropped returns how many TLVs the last Append left out because the peer
// speaks SMPP v3.3, which has none, or v3.4, which is not to get a
// congestion_state.
func (c *Codec) Dropped() int { return c.dropped }

var codecs = sync.Pool{New: func() any { return NewCodec(nil, 0) }}

func getCodec() *Codec { return codecs.Get().(*Codec) }

func putCodec(c *Codec) {
	*c = Codec{reg: c.reg, version: V50}
	codecs.Put(c)
}

// Append appends the octets of a PDU to dst. h.Command may be zero when body is
// not nil. A nil body makes a PDU of a header alone. On error, an *EncodeError,
// dst is returned with its old length.
func (c *Codec) Append(dst []byte, h Header, body Body) ([]byte, error) {
	if body != nil {
		h.Command = body.Command()
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	c.dropped = 0
	if body != nil {
		c.mode, c.buf, c.header, c.err = modeEncode, dst, h, nil
		c.ordinal, c.nextRule = 0, -1
		if c.version < V50 {
			c.startRules()
		}
		body.Fields(c)
		dst, c.buf = c.buf, nil
		if c.err == nil {
			c.err = c.checkBody(body)
		}
		if c.err != nil {
			return dst[:start], c.err
		}
	}
	b := dst[start : start+HeaderLen : start+HeaderLen]
	n := len(dst) - start
	binary.BigEndian.PutUint32(b, uint32(n))
	binary.BigEndian.PutUint32(b[4:], uint32(h.Command))
	binary.BigEndian.PutUint32(b[8:], uint32(h.Status))
	binary.BigEndian.PutUint32(b[12:], h.Sequence)
	return dst, nil
}

// Decode reads one PDU, whose octets must be exactly those of frame. The body
// aliases frame, which must not be changed afterwards; Clone cuts the tie.
//
// The body is nil when the PDU is a header alone and its command calls for
// more, as in most responses with an error. A command that the registry does
// not know has an *Unknown. On error, a *DecodeError or *FrameError, the header
// is valid if frame holds one, and the body is nil.
func (c *Codec) Decode(frame []byte) (Header, Body, error) {
	h, length, err := ParseHeader(frame)
	if err != nil {
		return h, nil, &FrameError{Length: uint32(len(frame))}
	}
	if int64(length) != int64(len(frame)) {
		return h, nil, &DecodeError{Command: h.Command, Field: "command_length", Status: StatusInvalidCommandLength,
			Reason: fmt.Sprintf("%d announced, %d octets given", length, len(frame))}
	}
	cmd := c.reg.command(h.Command)
	if cmd == nil {
		return h, &Unknown{ID: h.Command, Raw: frame[HeaderLen:len(frame):len(frame)]}, nil
	}
	if len(frame) == HeaderLen && !cmd.bare && h.Command.IsResponse() {
		return h, nil, nil
	}
	body := c.fresh(cmd)
	if err := c.decodeBody(frame, h, body); err != nil {
		return h, nil, err
	}
	return h, body, nil
}

func (c *Codec) decodeBody(frame []byte, h Header, body Body) error {
	c.mode, c.buf, c.pos, c.header, c.err = modeDecode, frame, HeaderLen, h, nil
	body.Fields(c)
	if c.err == nil && c.pos < len(c.buf) && !c.forgiven(c.buf[c.pos:]) {
		c.fail("command_length", c.pos, StatusInvalidCommandLength, fmt.Sprintf("%d octets after the last field", len(c.buf)-c.pos))
	}
	if c.err == nil {
		c.err = c.checkDecoded(body)
	}
	c.buf = nil
	return c.err
}

// forgiven reports whether stray octets at the end of a PDU are let pass.
func (c *Codec) forgiven(rest []byte) bool {
	return c.lenient != Strict && len(rest) <= 3 && len(bytes.Trim(rest, "\x00")) == 0
}

// Err returns the first error of the walk, or nil.
func (c *Codec) Err() error { return c.err }

// fail records the first error of a decoding walk and lets the rest of it run
// dry. at is the offset of the field in the frame.
func (c *Codec) fail(name string, at int, status Status, reason string) {
	if c.err == nil {
		if status == 0 {
			status = StatusInvalidCommandLength
		}
		c.err = &DecodeError{Command: c.header.Command, Field: name, Offset: at, Status: status, Reason: reason}
	}
	c.pos = len(c.buf)
}

// ends records that the PDU ends inside a field.
func (c *Codec) ends(name string) {
	c.fail(name, c.pos, StatusInvalidCommandLength, "the PDU ends inside its mandatory fields")
}

// refuse records the first error of an encoding walk.
func (c *Codec) refuse(name, value, reason string, status Status) {
	if c.err == nil {
		if len(value) > 64 {
			value = strings.ToValidUTF8(value[:61], "") + "..."
		}
		if status == 0 {
			status = StatusInvalidCommandLength
		}
		c.err = &EncodeError{Command: c.header.Command, Field: name, Value: value, Reason: reason, Status: status}
	}
}

// Uint8 is an integer of one octet.
func (c *Codec) Uint8(name string, p *uint8, status Status) { U8(c, name, p, status) }

// U8 is an integer of one octet with a type of its own, such as an enumeration.
func U8[T ~uint8](c *Codec, name string, p *T, status Status) {
	// Only what a read has changed is stored: encoding must not write.
	if v := c.u8(name, uint8(*p), status); v != uint8(*p) {
		*p = T(v)
	}
}

func (c *Codec) u8(name string, v uint8, status Status) uint8 {
	switch c.mode {
	case modeDecode:
		if c.pos >= len(c.buf) {
			c.ends(name)
			return 0
		}
		v = c.buf[c.pos]
		c.pos++
		return v
	case modeEncode:
		c.buf = append(c.buf, v)
		if c.ordinal == c.nextRule {
			c.applyRules(name, uint64(v), "", status)
		}
		c.ordinal++
		return v
	}
	return uint8(c.uintSlow(name, 1, uint64(v), status))
}

// Uint16 is a big endian integer of two octets.
func (c *Codec) Uint16(name string, p *uint16, status Status) {
	if v := uint16(c.uintSlow(name, 2, uint64(*p), status)); v != *p {
		*p = v
	}
}

// Uint32 is a big endian integer of four octets.
func (c *Codec) Uint32(name string, p *uint32, status Status) { U32(c, name, p, status) }

// U32 is an integer of four octets with a type of its own.
func U32[T ~uint32](c *Codec, name string, p *T, status Status) {
	if v := uint32(c.uintSlow(name, 4, uint64(*p), status)); v != uint32(*p) {
		*p = T(v)
	}
}

func (c *Codec) uintSlow(name string, size int, v uint64, status Status) uint64 {
	switch c.mode {
	case modeDecode:
		if len(c.buf)-c.pos < size {
			c.ends(name)
			return 0
		}
		v = 0
		for _, b := range c.buf[c.pos : c.pos+size] {
			v = v<<8 | uint64(b)
		}
		c.pos += size
		return v
	case modeEncode:
		for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
			c.buf = append(c.buf, byte(v>>shift))
		}
		if c.ordinal == c.nextRule {
			c.applyRules(name, v, "", status)
		}
		c.ordinal++
		return v
	case modeAnnotate:
		at := c.pos
		c.mode = modeDecode
		v = c.uintSlow(name, size, v, status)
		c.mode = modeAnnotate
		c.annotate(name, at, func(f *annotation) { f.value = strconv.FormatUint(v, 10) })
		return v
	}
	return c.slow.uint(field{name: name, kind: kindUint, size: size, status: status}, v)
}

// aliasString returns b as a string without copying. It is the one place where
// strings come to share the octets of a frame, which are never written again.
func aliasString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// CString is a string with a NUL after it, max octets at most with the NUL.
func (c *Codec) CString(name string, p *string, max int, status Status) {
	switch c.mode {
	case modeDecode:
		b := c.buf[c.pos:]
		if len(b) > 0 && b[0] == 0 {
			*p = ""
			c.pos++
			return
		}
		i := bytes.IndexByte(b[:min(max, len(b))], 0)
		if i < 0 {
			c.unterminated(name, max, status)
			return
		}
		*p = aliasString(b[:i])
		c.pos += i + 1
	case modeEncode:
		s := *p
		if s == "" {
			c.buf = append(c.buf, 0)
		} else if len(s) < max && strings.IndexByte(s, 0) < 0 {
			c.buf = append(append(c.buf, s...), 0)
		} else {
			c.badString(name, s, max, status)
		}
		if c.ordinal == c.nextRule {
			c.applyRules(name, uint64(len(s)), s, status)
		}
		c.ordinal++
	default:
		c.cstringSlow(name, p, max, status)
	}
}

// The slow walks have functions of their own, which keeps the frames of the
// others small: many goroutines encode, and each has its stack in the cache.

func (c *Codec) cstringSlow(name string, p *string, max int, status Status) {
	if c.mode == modeAnnotate {
		at := c.pos
		c.mode = modeDecode
		c.CString(name, p, max, status)
		c.mode = modeAnnotate
		c.annotate(name, at, func(f *annotation) { f.value = strconv.Quote(*p) })
		return
	}
	if v := c.slow.str(field{name: name, kind: kindCString, max: max, status: status}, *p); v != *p || c.cloning() {
		*p = v
	}
}

func (c *Codec) cloning() bool { _, ok := c.slow.(cloner); return ok }

func (c *Codec) unterminated(name string, max int, status Status) {
	if len(c.buf)-c.pos < max {
		c.ends(name)
		return
	}
	c.fail(name, c.pos, status, fmt.Sprintf("no NUL within %d octets", max))
}

func (c *Codec) badString(name, s string, max int, status Status) {
	value := strconv.Quote(s)
	if name == "password" {
		value = "" // errors end up in logs
	}
	if strings.IndexByte(s, 0) >= 0 {
		c.refuse(name, value, "a C-octet string has no NUL inside", status)
		return
	}
	c.refuse(name, value, fmt.Sprintf("%d octets, at most %d fit beside the NUL", len(s), max-1), status)
}

// FixedCString is a string with a NUL after it whose octets, NUL included, must
// be one of sizes. Size 1 is the empty string.
func (c *Codec) FixedCString(name string, p *string, status Status, sizes ...int) {
	switch c.mode {
	case modeDecode:
		if c.pos < len(c.buf) && c.buf[c.pos] == 0 {
			*p = ""
			c.pos++
			return
		}
		c.fixedFilled(name, p, status, sizes)
	case modeEncode:
		s := *p
		if s == "" {
			c.buf = append(c.buf, 0)
		} else {
			c.appendFixed(name, s, status, sizes)
		}
		if c.ordinal == c.nextRule {
			c.applyRules(name, uint64(len(s)), s, status)
		}
		c.ordinal++
	default:
		c.fixedSlow(name, p, status, sizes)
	}
}

// fixedFilled reads a string that is not empty.
func (c *Codec) fixedFilled(name string, p *string, status Status, sizes []int) {
	at, longest := c.pos, sizes[len(sizes)-1]
	b := c.buf[at:]
	i := bytes.IndexByte(b[:min(longest, len(b))], 0)
	switch {
	case i < 0:
		c.unterminated(name, longest, status)
	case !hasSize(sizes, i+1):
		c.fail(name, at, status, fmt.Sprintf("%d octets with the NUL, %s are allowed", i+1, sizeList(sizes)))
	default:
		*p = aliasString(b[:i])
		c.pos += i + 1
	}
}

// appendFixed writes a string that is not empty.
func (c *Codec) appendFixed(name, s string, status Status, sizes []int) {
	switch {
	case strings.IndexByte(s, 0) >= 0:
		c.badString(name, s, 0, status)
	case !hasSize(sizes, len(s)+1):
		c.refuse(name, strconv.Quote(s), fmt.Sprintf("%d octets with the NUL, %s are allowed", len(s)+1, sizeList(sizes)), status)
	default:
		c.buf = append(append(c.buf, s...), 0)
	}
}

func (c *Codec) fixedSlow(name string, p *string, status Status, sizes []int) {
	if c.mode == modeAnnotate {
		at := c.pos
		c.mode = modeDecode
		c.FixedCString(name, p, status, sizes...)
		c.mode = modeAnnotate
		c.annotate(name, at, func(f *annotation) { f.value = strconv.Quote(*p) })
		return
	}
	// A copy keeps the variadic slice of the two hot modes on the stack.
	own := append([]int(nil), sizes...)
	if v := c.slow.str(field{name: name, kind: kindFixed, max: own[len(own)-1], sizes: own, status: status}, *p); v != *p || c.cloning() {
		*p = v
	}
}

func hasSize(sizes []int, n int) bool {
	for _, s := range sizes {
		if s == n {
			return true
		}
	}
	return false
}

func sizeList(sizes []int) string {
	var b strings.Builder
	for i, s := range sizes {
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteString(strconv.Itoa(s))
	}
	return b.String()
}

// Time is a schedule_delivery_time, validity_period or the like.
func (c *Codec) Time(name string, p *Time, status Status, sizes ...int) {
	c.FixedCString(name, (*string)(p), status, sizes...)
}

// Octets8 is octets after their number in one octet, max at most. length is
// the name of the field that holds the number.
func (c *Codec) Octets8(length, name string, p *[]byte, max int, status Status) {
	switch c.mode {
	case modeDecode:
		if c.pos >= len(c.buf) {
			c.ends(length)
			return
		}
		at := c.pos + 1
		n := int(c.buf[c.pos])
		if n > len(c.buf)-at || n > max {
			c.badLength(length, n, max, status)
			return
		}
		*p = c.buf[at : at+n : at+n]
		c.pos = at + n
	case modeEncode:
		b := *p
		if len(b) <= max {
			c.buf = append(append(c.buf, byte(len(b))), b...)
		} else {
			c.tooLong(name, len(b), max, status)
		}
		if c.ordinal == c.nextRule {
			c.applyRules(name, uint64(len(b)), "", status)
		}
		c.ordinal++
	default:
		c.octets8Slow(length, name, p, max, status)
	}
}

func (c *Codec) badLength(name string, n, max int, status Status) {
	c.fail(name, c.pos, status, fmt.Sprintf("%d octets announced, %d left in the PDU, %d at most", n, len(c.buf)-c.pos-1, max))
}

func (c *Codec) tooLong(name string, n, max int, status Status) {
	c.refuse(name, fmt.Sprintf("of %d octets", n), fmt.Sprintf("at most %d octets", max), status)
}

func (c *Codec) octets8Slow(length, name string, p *[]byte, max int, status Status) {
	if c.mode == modeAnnotate {
		at := c.pos
		c.mode = modeDecode
		c.Octets8(length, name, p, max, status)
		c.mode = modeAnnotate
		if c.err == nil {
			c.annotateSplit(length, strconv.Itoa(len(*p)), at, at+1)
			c.annotateSplit(name, "", at+1, c.pos)
		}
		return
	}
	v := c.slow.octets(field{name: name, kind: kindOctets, max: max, length: length, status: status}, *p)
	if c.cloning() || !bytes.Equal(v, *p) {
		*p = v
	}
}

// Rest is all octets up to the end of the PDU.
func (c *Codec) Rest(name string, p *[]byte) {
	switch c.mode {
	case modeDecode:
		*p = c.buf[c.pos:len(c.buf):len(c.buf)]
		c.pos = len(c.buf)
	case modeEncode:
		c.buf = append(c.buf, *p...)
		c.ordinal++
	case modeAnnotate:
		at := c.pos
		c.mode = modeDecode
		c.Rest(name, p)
		c.mode = modeAnnotate
		c.annotate(name, at, func(*annotation) {})
	default:
		v := c.slow.octets(field{name: name, kind: kindRest}, *p)
		if c.cloning() || !bytes.Equal(v, *p) {
			*p = v
		}
	}
}

// Address is a type of number, a numbering plan and an address of max octets at
// most with the NUL. name is that of the address; the names of the other two
// follow from it, as the specification has them.
func (c *Codec) Address(name string, p *Address, max int, status Status) {
	switch c.mode {
	case modeDecode:
		if len(c.buf)-c.pos < 2 {
			c.addressEnds(name)
			return
		}
		p.TON, p.NPI = TON(c.buf[c.pos]), NPI(c.buf[c.pos+1])
		c.pos += 2
	case modeEncode:
		c.buf = append(c.buf, byte(p.TON), byte(p.NPI))
		c.ordinal += 2
	default:
		c.addressSlow(name, p, status)
	}
	c.CString(name, &p.Addr, max, status)
}

func (c *Codec) addressEnds(name string) { c.ends(addressNames(name).ton) }

func (c *Codec) addressSlow(name string, p *Address, status Status) {
	n := addressNames(name)
	if status == 0 { // no response to refuse it in
		n.tonStatus, n.npiStatus = 0, 0
	}
	U8(c, n.ton, &p.TON, n.tonStatus)
	U8(c, n.npi, &p.NPI, n.npiStatus)
}

type addressFields struct {
	ton, npi             string
	tonStatus, npiStatus Status
}

func addressNames(name string) addressFields {
	switch name {
	case "source_addr":
		return addressFields{"source_addr_ton", "source_addr_npi", StatusInvalidSourceTON, StatusInvalidSourceNPI}
	case "destination_addr":
		return addressFields{"dest_addr_ton", "dest_addr_npi", StatusInvalidDestTON, StatusInvalidDestNPI}
	case "address_range":
		return addressFields{"addr_ton", "addr_npi", 0, 0}
	}
	return addressFields{name + "_ton", name + "_npi", 0, 0}
}

// List is least to most elements after their number in one octet. count is the
// name of the field that holds the number; element describes one element.
func List[T any](c *Codec, count, name string, p *[]T, least, most int, status Status, element func(*T, *Codec)) {
	n := len(*p)
	at := c.pos
	switch c.mode {
	case modeDecode, modeAnnotate:
		if c.pos >= len(c.buf) {
			c.ends(count)
			return
		}
		n = int(c.buf[c.pos])
		c.pos++
		if n < least || n > most {
			c.fail(count, at, status, fmt.Sprintf("%d given, %d to %d are allowed", n, least, most))
			return
		}
		if n > len(c.buf)-c.pos {
			c.fail(name, c.pos, 0, "the PDU ends inside its mandatory fields")
			return
		}
		if c.mode == modeAnnotate {
			c.annotateSplit(count, strconv.Itoa(n), at, c.pos)
		}
		*p = nil
		if n > 0 {
			*p = make([]T, n)
		}
		for i := 0; i < n && c.err == nil; i++ {
			element(&(*p)[i], c)
		}
		return
	case modeEncode:
		if n < least || n > most {
			c.refuse(count, strconv.Itoa(n), fmt.Sprintf("%d to %d are allowed", least, most), status)
			return
		}
		c.buf = append(c.buf, byte(n))
		if c.ordinal == c.nextRule {
			c.applyRules(count, uint64(n), "", status)
		}
		c.ordinal++
		ordinal, next := c.ordinal, c.nextRule
		c.nextRule = -1
		for i := range *p {
			element(&(*p)[i], c)
		}
		c.ordinal, c.nextRule = ordinal, next
		return
	}
	n = c.slow.list(field{name: name, kind: kindList, min: least, max: most, length: count, status: status}, n)
	switch {
	case n != len(*p):
		*p = make([]T, n)
	case c.cloning():
		*p = append([]T(nil), *p...)
	}
	for i := range *p {
		c.slow.element(i)
		element(&(*p)[i], c)
	}
	c.slow.endList()
}

// TLVs is all that follows the mandatory fields. It comes last.
func (c *Codec) TLVs(p *tlv.List) {
	switch c.mode {
	case modeDecode:
		if c.pos == len(c.buf) {
			*p = nil
			return
		}
		c.decodeTLVs(p)
	case modeEncode:
		if len(*p) > 0 {
			c.encodeTLVs(*p)
		}
	case modeAnnotate:
		at := c.pos
		c.mode = modeDecode
		c.TLVs(p)
		c.mode = modeAnnotate
		c.annotateTLVs(*p, at)
	default:
		if v := c.slow.tlvs(c, *p); !sameList(v, *p) {
			*p = v
		}
	}
}

// sameList reports whether two lists are one and the same slice, so that a walk
// that only looks does not write.
func sameList(a, b tlv.List) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}

func (c *Codec) decodeTLVs(p *tlv.List) {
	rest := c.buf[c.pos:]
	if len(rest) >= 4*MaxTLVs && tooManyTLVs(rest) {
		c.fail("tlvs", c.pos, StatusInvalidTLVStream, fmt.Sprintf("more than %d TLVs", MaxTLVs))
		return
	}
	l, err := tlv.Parse(rest)
	*p = l
	if err != nil {
		var e *tlv.Error
		errors.As(err, &e)
		if len(l) == 0 && c.forgiven(rest) {
			c.pos = len(c.buf)
			return
		}
		c.failTLV(e, c.pos+e.Offset)
		return
	}
	at := c.pos
	for i := range l {
		o := &l[i]
		if d := c.reg.tlvs[o.Tag]; d != nil && c.lenient != ReportOnly {
			if err := d.Check(o.Value); err != nil && !c.oddLength(o, d) {
				var e *tlv.Error
				errors.As(err, &e)
				c.failTLV(e, at)
				return
			}
		}
		at += 4 + len(o.Value)
	}
	c.pos = len(c.buf)
}

// tooManyTLVs reports whether there are more than MaxTLVs.
func tooManyTLVs(b []byte) bool {
	n := 0
	for len(b) >= 4 && n <= MaxTLVs {
		n++
		b = b[min(4+int(binary.BigEndian.Uint16(b[2:])), len(b)):]
	}
	return n > MaxTLVs
}

// oddLength reports whether a TLV has a length that is wrong by the book and
// met in the field (notes on source_telematics_id).
func (c *Codec) oddLength(o *tlv.Option, _ *tlv.Definition) bool {
	return c.lenient != Strict && o.Tag == TLVSourceTelematicsID.Tag() && len(o.Value) == 2
}

func (c *Codec) failTLV(e *tlv.Error, at int) {
	name := e.Name
	switch {
	case name != "":
	case e.Tag != 0:
		name = c.reg.TLVName(e.Tag)
	default:
		name = "tlvs"
	}
	if name == "" {
		name = fmt.Sprintf("tlv 0x%04X", uint16(e.Tag))
	}
	reason := fmt.Sprintf("%d octets: %s", e.Length, e.Rule)
	if e.Value != "" {
		reason = e.Value + ": " + e.Rule
	}
	c.fail(name, at, tlvStatus(e.Fault), reason)
}

func (c *Codec) encodeTLVs(l tlv.List) {
	if c.version < V34 || c.withoutTLVs {
		c.encodeTLVs33(l)
		return
	}
	if c.version < V50 && l.Has(TLVCongestionState.Tag()) {
		l = l.Clone() // the body is the caller's
		TLVCongestionState.Delete(&l)
		c.dropped++
	}
	if len(l) > MaxTLVs {
		c.refuse("tlvs", fmt.Sprintf("%d of them", len(l)), fmt.Sprintf("at most %d are allowed", MaxTLVs), StatusInvalidTLVStream)
		return
	}
	b, err := l.Append(c.buf)
	c.buf = b
	if err != nil {
		c.refuseTLV(err)
		return
	}
	if c.version < V50 {
		c.checkTLVs34(l)
	}
}

func (c *Codec) refuseTLV(err error) {
	var e *tlv.Error
	if !errors.As(err, &e) {
		c.refuse("tlvs", "", err.Error(), StatusInvalidTLVValue)
		return
	}
	name := e.Name
	if name == "" {
		name = c.reg.TLVName(e.Tag)
	}
	if name == "" {
		name = fmt.Sprintf("tlv 0x%04X", uint16(e.Tag))
	}
	value := e.Value
	if value == "" {
		value = fmt.Sprintf("of %d octets", e.Length)
	}
	c.refuse(name, value, e.Rule, tlvStatus(e.Fault))
}
