package pdu_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unsafe"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// benchMessage is the submit_sm of 156 octets that all figures are about.
func benchMessage() *pdu.SubmitSM {
	return &pdu.SubmitSM{
		Source:             pdu.Alphanumeric("Example"),
		Dest:               pdu.International("447700900123"),
		RegisteredDelivery: pdu.FinalReceipt,
		ShortMessage:       []byte(strings.Repeat("0123456789", 11)[:104]),
	}
}

func benchFrame(tb testing.TB) []byte {
	frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, benchMessage())
	if err != nil || len(frame) != 156 {
		tb.Fatalf("%d octets, %v", len(frame), err)
	}
	return frame
}

// handAppend is what one would write for this PDU alone: the same checks, the
// same octets, no walk.
func handAppend(dst []byte, seq uint32, m *pdu.SubmitSM) ([]byte, bool) {
	start, ok := len(dst), true
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, byte(seq>>24), byte(seq>>16), byte(seq>>8), byte(seq))
	dst, ok = handCString(dst, m.ServiceType, 6, ok)
	dst = append(dst, byte(m.Source.TON), byte(m.Source.NPI))
	dst, ok = handCString(dst, m.Source.Addr, 21, ok)
	dst = append(dst, byte(m.Dest.TON), byte(m.Dest.NPI))
	dst, ok = handCString(dst, m.Dest.Addr, 21, ok)
	dst = append(dst, byte(m.ESMClass), m.ProtocolID, m.PriorityFlag)
	dst, ok = handCString(dst, string(m.ScheduleDeliveryTime), 17, ok)
	dst, ok = handCString(dst, string(m.ValidityPeriod), 17, ok)
	dst = append(dst, byte(m.RegisteredDelivery), m.ReplaceIfPresent, byte(m.DataCoding), m.DefaultMessageID, byte(len(m.ShortMessage)))
	dst = append(dst, m.ShortMessage...)
	for _, o := range m.TLVs {
		dst = binary.BigEndian.AppendUint16(dst, uint16(o.Tag))
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(o.Value)))
		dst = append(dst, o.Value...)
		ok = ok && len(o.Value) <= 0xFFFF
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst, ok && len(m.ShortMessage) <= 255
}

func handCString(dst []byte, s string, max int, ok bool) ([]byte, bool) {
	if len(s) >= max || strings.IndexByte(s, 0) >= 0 {
		return dst, false
	}
	return append(append(dst, s...), 0), ok
}

type handCursor struct {
	b  []byte
	ok bool
}

func (c *handCursor) alias(max int) string {
	for i := 0; i < len(c.b) && i < max; i++ {
		if c.b[i] == 0 {
			s := unsafe.String(&c.b[0], i)
			c.b = c.b[i+1:]
			return s
		}
	}
	c.ok = false
	return ""
}

func (c *handCursor) u8() byte {
	if len(c.b) == 0 {
		c.ok = false
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

// handDecode is a cursor over a copy of the frame, with strings that alias it
// and a struct of its own: two allocations.
func handDecode(read []byte) (*pdu.SubmitSM, bool) {
	frame := append([]byte(nil), read...)
	if len(frame) < 16 || int(binary.BigEndian.Uint32(frame)) != len(frame) {
		return nil, false
	}
	c := handCursor{frame[16:], true}
	m := new(pdu.SubmitSM)
	m.ServiceType = c.alias(6)
	m.Source.TON, m.Source.NPI = pdu.TON(c.u8()), pdu.NPI(c.u8())
	m.Source.Addr = c.alias(21)
	m.Dest.TON, m.Dest.NPI = pdu.TON(c.u8()), pdu.NPI(c.u8())
	m.Dest.Addr = c.alias(21)
	m.ESMClass, m.ProtocolID, m.PriorityFlag = pdu.ESMClass(c.u8()), c.u8(), c.u8()
	m.ScheduleDeliveryTime = pdu.Time(c.alias(17))
	m.ValidityPeriod = pdu.Time(c.alias(17))
	m.RegisteredDelivery, m.ReplaceIfPresent = pdu.RegisteredDelivery(c.u8()), c.u8()
	m.DataCoding, m.DefaultMessageID = pdu.DataCoding(c.u8()), c.u8()
	n := int(c.u8())
	if n > len(c.b) {
		return nil, false
	}
	m.ShortMessage = c.b[:n:n]
	c.b = c.b[n:]
	for len(c.b) >= 4 {
		n := int(binary.BigEndian.Uint16(c.b[2:]))
		if n > len(c.b)-4 {
			return nil, false
		}
		m.TLVs = append(m.TLVs, tlv.Option{Tag: tlv.Tag(binary.BigEndian.Uint16(c.b)), Value: c.b[4 : 4+n : 4+n]})
		c.b = c.b[4+n:]
	}
	return m, c.ok && len(c.b) == 0
}

func BenchmarkEncode(b *testing.B) {
	m := benchMessage()
	buf := make([]byte, 0, 4096)
	b.Run("hand", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			var ok bool
			if buf, ok = handAppend(buf[:0], uint32(i), m); !ok {
				b.Fatal("refused")
			}
		}
	})
	for _, v := range []pdu.Version{pdu.V50, pdu.V34} {
		b.Run("codec/"+v.String(), func(b *testing.B) {
			c := pdu.NewCodec(nil, v)
			b.ReportAllocs()
			var err error
			for i := 0; b.Loop(); i++ {
				if buf, err = c.Append(buf[:0], pdu.Header{Sequence: uint32(i)}, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	read := benchFrame(b)
	b.Run("hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := handDecode(read); !ok {
				b.Fatal("malformed")
			}
		}
	})
	b.Run("codec", func(b *testing.B) {
		c := pdu.NewCodec(nil, 0)
		b.ReportAllocs()
		for b.Loop() {
			frame := append([]byte(nil), read...)
			if _, _, err := c.Decode(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
}
