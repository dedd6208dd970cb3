package main

import (
	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// textOf returns the text of a message, or false if b carries none.
func textOf(_ pdu.Header, b pdu.Body) (string, bool) {
	var (
		class  pdu.ESMClass
		scheme pdu.DataCoding
		octets []byte
		tlvs   tlv.List
	)
	switch m := b.(type) {
	case *pdu.SubmitSM:
		class, scheme, octets, tlvs = m.ESMClass, m.DataCoding, m.ShortMessage, m.TLVs
	case *pdu.SubmitMulti:
		class, scheme, octets, tlvs = m.ESMClass, m.DataCoding, m.ShortMessage, m.TLVs
	case *pdu.DeliverSM:
		class, scheme, octets, tlvs = m.ESMClass, m.DataCoding, m.ShortMessage, m.TLVs
	case *pdu.DataSM:
		class, scheme, tlvs = m.ESMClass, m.DataCoding, m.TLVs
	case *pdu.BroadcastSM:
		scheme, tlvs = m.DataCoding, m.TLVs
	default:
		return "", false
	}
	if payload, ok := pdu.TLVMessagePayload.Get(tlvs); ok && len(octets) == 0 {
		octets = payload
	}
	if class.HasUDHI() {
		if len(octets) == 0 || int(octets[0]) >= len(octets) {
			return "", false
		}
		octets = octets[1+int(octets[0]):]
	}
	cs, ok := coding.ForDataCoding(uint8(scheme), coding.GSM7)
	if !ok || cs == coding.Binary || len(octets) == 0 {
		return "", false
	}
	return coding.Decode(cs, octets), true
}
