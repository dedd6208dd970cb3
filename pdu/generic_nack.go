package pdu

import "github.com/godwit-sms/smpp/tlv"

// GenericNack refuses a PDU whose command is unknown or whose header makes no
// sense. It answers no request of its own and is never answered. SMPP v5.0,
// section 4.1.4.
type GenericNack struct{ TLVs tlv.List }

// Command returns IDGenericNack.
func (*GenericNack) Command() CommandID { return IDGenericNack }

// Fields describes the fields.
func (p *GenericNack) Fields(c *Codec) { c.TLVs(&p.TLVs) }
