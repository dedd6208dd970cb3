package sms

import (
	"bytes"
	"strings"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A Method is a way to carry a text that is too long for one message.
type Method uint8

// The methods.
const (
	ByUDH     Method = iota // parts with a user data header, reference of 8 bits
	ByUDH16                 // parts with a user data header, reference of 16 bits
	BySAR                   // parts with the TLVs sar_msg_ref_num, sar_total_segments and sar_segment_seqnum
	ByPayload               // one PDU with a message_payload, which the message center splits
)

// String returns "UDH", "UDH 16-bit", "SAR" or "message_payload".
func (m Method) String() string {
	switch m {
	case ByUDH:
		return "UDH"
	case ByUDH16:
		return "UDH 16-bit"
	case BySAR:
		return "SAR"
	case ByPayload:
		return "message_payload"
	}
	return "unknown method"
}

// Data is the user data of one PDU: what short_message or message_payload holds, and the fields that say how to read
// it. All slices alias the PDU it was read from.
type Data struct {
	Header     UDH            // nil if there is none, or a malformed one
	Octets     []byte         // what follows the header
	Raw        []byte         // the user data as it is in the PDU: the header and Octets
	DataCoding pdu.DataCoding // 0 for replace_sm, which has none
	ESMClass   pdu.ESMClass   // 0 for replace_sm and broadcast_sm; of Split, UDHI or 0

	Concat Concat // the place in a long message, by Header or by TLVs; zero if the message is in one piece
	Method Method // how Concat is written, and ByPayload for a message_payload in one piece
}

// UserData returns the user data of a submit_sm, deliver_sm, data_sm, submit_multi, replace_sm or broadcast_sm. ok is
// false for all other bodies.
//
// A message_payload beats short_message; an empty one does not beat a short_message that has content. If esm_class says
// that the user data starts with a header, it is taken off. A malformed header is ignored as a whole: Header is nil and
// Octets are what follows it, or everything if the header would be longer than the user data; [ParseUDH] of Raw tells
// what is wrong. SMPP v5.0, 4.7.12 and 4.8.4.36.
func UserData(b pdu.Body) (d Data, ok bool) {
	var options tlv.List
	switch m := b.(type) {
	case *pdu.SubmitSM:
		if m == nil {
			return d, false
		}
		d.Raw, d.DataCoding, d.ESMClass, options = m.ShortMessage, m.DataCoding, m.ESMClass, m.TLVs
	case *pdu.DeliverSM:
		if m == nil {
			return d, false
		}
		d.Raw, d.DataCoding, d.ESMClass, options = m.ShortMessage, m.DataCoding, m.ESMClass, m.TLVs
	case *pdu.DataSM:
		if m == nil {
			return d, false
		}
		d.DataCoding, d.ESMClass, options = m.DataCoding, m.ESMClass, m.TLVs
	case *pdu.SubmitMulti:
		if m == nil {
			return d, false
		}
		d.Raw, d.DataCoding, d.ESMClass, options = m.ShortMessage, m.DataCoding, m.ESMClass, m.TLVs
	case *pdu.ReplaceSM:
		if m == nil {
			return d, false
		}
		d.Raw, options = m.ShortMessage, m.TLVs
	case *pdu.BroadcastSM:
		if m == nil {
			return d, false
		}
		d.DataCoding, options = m.DataCoding, m.TLVs
	default:
		return d, false
	}
	if payload, ok := options.Get(pdu.TLVMessagePayload.Tag()); ok && (len(payload) > 0 || len(d.Raw) == 0) {
		d.Raw, d.Method = payload, ByPayload
	}
	d.read(options)
	return d, true
}

// read fills in what Raw, ESMClass and the TLVs say.
func (d *Data) read(options tlv.List) {
	d.Octets = d.Raw
	if d.ESMClass.HasUDHI() {
		h, n, _ := ParseUDH(d.Raw) // a malformed header is ignored
		d.Header, d.Octets = h, d.Raw[n:len(d.Raw):len(d.Raw)]
	}
	if c, m, ok := d.Header.concat(); ok {
		d.Concat, d.Method = c, m
		return
	}
	if len(options) == 0 {
		return
	}
	reference, ok := pdu.TLVSARMsgRefNum.Get(options)
	total, ok2 := pdu.TLVSARTotalSegments.Get(options)
	index, ok3 := pdu.TLVSARSegmentSeqnum.Get(options)
	if c := (Concat{reference, total, index}); ok && ok2 && ok3 && c.valid() {
		d.Concat, d.Method = c, BySAR
	}
}

// clone returns a copy that shares no memory with d.
func (d Data) clone() Data {
	off := len(d.Raw) - len(d.Octets)
	d.Raw = bytes.Clone(d.Raw)
	d.Octets = d.Raw[off:len(d.Raw):len(d.Raw)]
	if d.Header != nil {
		d.Header, _, _ = ParseUDH(d.Raw) // was well-formed
	}
	return d
}

// addresses returns the addresses of a message. The destinations of a submit_multi are in others, as one string.
func addresses(b pdu.Body) (source, dest pdu.Address, others string) {
	switch m := b.(type) {
	case *pdu.SubmitSM:
		return m.Source, m.Dest, ""
	case *pdu.DeliverSM:
		return m.Source, m.Dest, ""
	case *pdu.DataSM:
		return m.Source, m.Dest, ""
	case *pdu.SubmitMulti:
		if len(m.Dests) == 1 && m.Dests[0].List == "" {
			return m.Source, m.Dests[0].Address, ""
		}
		var s strings.Builder
		for _, d := range m.Dests {
			s.WriteByte(byte(d.Address.TON))
			s.WriteByte(byte(d.Address.NPI))
			s.WriteString(d.Address.Addr)
			s.WriteByte(0)
			s.WriteString(d.List)
			s.WriteByte(0)
		}
		return m.Source, pdu.Address{}, s.String()
	case *pdu.ReplaceSM:
		return m.Source, pdu.Address{}, ""
	case *pdu.BroadcastSM:
		return m.Source, pdu.Address{}, ""
	}
	return pdu.Address{}, pdu.Address{}, ""
}
