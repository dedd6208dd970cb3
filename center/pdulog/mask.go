package pdulog

import (
	"bytes"
	"encoding/binary"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

// A masker replaces what is not for every eye.
type masker struct {
	codec            *pdu.Codec
	reg              *pdu.Registry
	passwords, texts bool // kept
}

func newMasker(cfg Config) *masker {
	reg := cfg.Registry
	if reg == nil {
		reg = pdu.Standard()
	}
	return &masker{pdu.NewCodec(reg, pdu.V50), reg, cfg.Passwords, cfg.Texts}
}

// mask masks a frame in place.
func (m *masker) mask(frame []byte) {
	switch id := pdu.CommandID(binary.BigEndian.Uint32(frame[4:])); id {
	case pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver, pdu.IDOutbind:
		if !m.passwords {
			maskPassword(frame[pdu.HeaderLen:])
		}
	default:
		if !m.texts {
			m.maskText(id, frame)
		}
	}
}

// maskPassword masks the second string of a body, or all of it where that has
// no end.
func maskPassword(body []byte) {
	i := bytes.IndexByte(body, 0)
	if i < 0 {
		stars(body)
		return
	}
	body = body[i+1:]
	if i = bytes.IndexByte(body, 0); i < 0 {
		i = len(body)
	}
	stars(body[:i])
}

// maskText relies on the octets of a decoded body being those of its frame.
func (m *masker) maskText(id pdu.CommandID, frame []byte) {
	_, body, err := m.codec.Decode(frame)
	if err != nil {
		if mayHaveText(id) || !m.reg.Known(id) {
			stars(frame[pdu.HeaderLen:])
		}
		return
	}
	switch b := body.(type) {
	case *pdu.Unknown:
		stars(frame[pdu.HeaderLen:])
	case *pdu.SubmitSM:
		maskUserData(b.ESMClass, b.ShortMessage, b.TLVs, nil)
	case *pdu.DeliverSM:
		maskUserData(b.ESMClass, b.ShortMessage, b.TLVs, b)
	case *pdu.SubmitMulti:
		maskUserData(b.ESMClass, b.ShortMessage, b.TLVs, nil)
	case *pdu.DataSM:
		maskUserData(b.ESMClass, nil, b.TLVs, b)
	case *pdu.ReplaceSM:
		maskUserData(0, b.ShortMessage, b.TLVs, nil)
	case *pdu.BroadcastSM:
		maskUserData(0, nil, b.TLVs, nil)
	}
}

func mayHaveText(id pdu.CommandID) bool {
	switch id {
	case pdu.IDSubmitSM, pdu.IDDeliverSM, pdu.IDSubmitMulti, pdu.IDDataSM, pdu.IDReplaceSM, pdu.IDBroadcastSM:
		return true
	}
	return false
}

// maskUserData masks what a message says. maybeReceipt is the body if it can be
// a receipt.
func maskUserData(class pdu.ESMClass, short []byte, tlvs tlv.List, maybeReceipt pdu.Body) {
	receipt := false
	if maybeReceipt != nil {
		_, receipt = sms.Profile{}.ReadReceipt(maybeReceipt)
	}
	maskOne(class, short, receipt)
	for payload := range tlvs.All(pdu.TLVMessagePayload.Tag()) {
		maskOne(class, payload, receipt)
	}
}

func maskOne(class pdu.ESMClass, octets []byte, receipt bool) {
	if class.HasUDHI() && len(octets) > 0 && int(octets[0]) < len(octets) {
		octets = octets[1+int(octets[0]):]
	}
	if receipt && find(octets, "stat:") >= 0 { // its numbers are no text, but what it cites is
		i := find(octets, "text:")
		if i < 0 {
			return
		}
		octets = octets[i+len("text:"):]
	}
	stars(octets)
}

// find returns where word, in lower case, stands in octets, in any case, or -1.
func find(octets []byte, word string) int {
	for i := 0; i+len(word) <= len(octets); i++ {
		if bytes.EqualFold(octets[i:i+len(word)], []byte(word)) {
			return i
		}
	}
	return -1
}

func stars(b []byte) {
	for i := range b {
		b[i] = '*'
	}
}
