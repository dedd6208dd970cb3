package pdu

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/godwit-sms/smpp/tlv"
)

// An annotation is a field of a frame, where it stands and what it means.
type annotation struct {
	name       string
	start, end int
	value      string
}

type annotator struct {
	cloner
	notes []annotation
}

func (c *Codec) annotate(name string, at int, set func(*annotation)) {
	if c.err != nil {
		return
	}
	a := annotation{name: name, start: at, end: c.pos}
	set(&a)
	n := c.slow.(*annotator)
	n.notes = append(n.notes, a)
}

func (c *Codec) annotateSplit(name, value string, from, to int) {
	n := c.slow.(*annotator)
	n.notes = append(n.notes, annotation{name, from, to, value})
}

func (c *Codec) annotateTLVs(l tlv.List, at int) {
	for _, o := range l {
		name := c.reg.TLVName(o.Tag)
		if name == "" {
			name = "tlv"
		}
		end := at + 4 + len(o.Value)
		c.annotateSplit(fmt.Sprintf("%s (0x%04X)", name, uint16(o.Tag)), c.tlvValue(o), at, end)
		at = end
	}
	if c.err == nil && at < c.pos {
		c.annotateSplit("padding", "", at, c.pos)
	}
}

func (c *Codec) tlvValue(o tlv.Option) string {
	if d := c.reg.tlvs[o.Tag]; d != nil && d.Kind != "octets" {
		if v, err := d.Decode(o.Value); err == nil {
			switch v := v.(type) {
			case string:
				return strconv.Quote(v)
			case struct{}:
				return ""
			default: // a String method is used, and its octets are a peer's
				return printable(fmt.Appendf(nil, "%+v", v))
			}
		}
	}
	return printable(o.Value)
}

// printable returns the octets as characters, dots for those that have none. It
// stops after some: all octets are beside it.
func printable(b []byte) string {
	var s strings.Builder
	for i, c := range b {
		if i == 64 {
			s.WriteString("...")
			break
		}
		if c < ' ' || c > '~' {
			c = '.'
		}
		s.WriteByte(c)
	}
	return s.String()
}

// AppendDump appends a dump of the octets of a PDU for people to read: a line a
// field, with its place, its octets and its meaning. Whatever the octets are,
// all of them are shown, but for those of the field called password, and for all
// that follows the header of a bind or outbind in which no password can be told
// from the rest.
func (r *Registry) AppendDump(dst []byte, frame []byte) []byte {
	h, length, err := ParseHeader(frame)
	if err != nil {
		dst = fmt.Appendf(dst, "%d octets, no PDU: %v\n", len(frame), err)
		return appendHexLines(dst, "octets", frame, 0, "")
	}
	name := r.Name(h.Command)
	if name == "" {
		name = "unknown command"
	}
	dst = fmt.Appendf(dst, "%s, %d octets, sequence %d\n", name, len(frame), h.Sequence)
	status := h.Status.String()
	if m := h.Status.Meaning(); m != "" {
		status += ", " + m
	}
	for i, v := range []string{strconv.FormatUint(uint64(length), 10), name, status, strconv.FormatUint(uint64(h.Sequence), 10)} {
		dst = appendHexLines(dst, [...]string{"command_length", "command_id", "command_status", "sequence_number"}[i], frame[4*i:4*i+4], 4*i, v)
	}
	if len(frame) == HeaderLen {
		if int64(length) != HeaderLen {
			return fmt.Appendf(dst, "      ! command_length announces %d octets\n", length)
		}
		return dst
	}
	body, ok := r.New(h.Command)
	if !ok {
		return appendHexLines(dst, "raw", frame[HeaderLen:], HeaderLen, printable(frame[HeaderLen:]))
	}
	c := NewCodec(r, V50)
	notes := &annotator{}
	c.slow, c.mode, c.buf, c.pos, c.header = notes, modeAnnotate, frame, HeaderLen, h
	body.Fields(c)
	at := HeaderLen
	for _, n := range notes.notes {
		if n.name == "password" {
			dst = fmt.Appendf(dst, "%6s  %-47s  %s: (hidden)\n", "", "", n.name)
			at = n.end
			continue
		}
		dst = appendHexLines(dst, n.name, frame[n.start:n.end], n.start, n.value)
		at = n.end
	}
	if at < len(frame) && !hidesPassword(h.Command, notes.notes) {
		dst = appendHexLines(dst, "(rest)", frame[at:], at, printable(frame[at:]))
	}
	if _, _, err := c.Decode(frame); err != nil {
		dst = fmt.Appendf(dst, "      ! %v\n", err)
	}
	return dst
}

// hidesPassword reports whether a password that could not be told from the rest
// may be among the octets that were not understood.
func hidesPassword(id CommandID, notes []annotation) bool {
	switch id {
	case IDBindReceiver, IDBindTransmitter, IDBindTransceiver, IDOutbind:
		for _, n := range notes {
			if n.name == "password" {
				return false
			}
		}
		return true
	}
	return false
}

func appendHexLines(dst []byte, name string, b []byte, at int, value string) []byte {
	if value != "" {
		name += ": " + value
	}
	for first := true; first || len(b) > 0; first = false {
		n := min(16, len(b))
		line := hex.EncodeToString(b[:n])
		var spaced strings.Builder
		for i := 0; i < len(line); i += 2 {
			if i > 0 {
				spaced.WriteByte(' ')
			}
			spaced.WriteString(line[i : i+2])
		}
		dst = append(dst, strings.TrimRight(fmt.Sprintf("%6d  %-47s  %s", at, spaced.String(), name), " ")...)
		dst = append(dst, '\n')
		name = ""
		at += n
		b = b[n:]
	}
	return dst
}

// Split cuts the first PDU off a stream of octets: frame is empty when b does
// not hold all of it yet. limit bounds the octets of a PDU (0: DefaultMaxLen).
// A command_length that cannot be is a *FrameError; what follows it cannot be
// understood any more.
func Split(b []byte, limit int) (frame, rest []byte, err error) {
	if limit <= 0 {
		limit = DefaultMaxLen
	}
	if len(b) < 4 {
		return nil, b, nil
	}
	n := binary.BigEndian.Uint32(b)
	if n < HeaderLen || int64(n) > int64(limit) {
		e := &FrameError{Length: n, Limit: limit}
		if n >= HeaderLen && len(b) < HeaderLen {
			return nil, b, nil // wait for the sequence_number that the answer copies
		}
		if n >= HeaderLen && !CommandID(binary.BigEndian.Uint32(b[4:])).IsResponse() {
			e.Sequence = binary.BigEndian.Uint32(b[12:])
		}
		return nil, b, e
	}
	if int64(len(b)) < int64(n) {
		return nil, b, nil
	}
	return b[:n:n], b[n:], nil
}
