package pdu

import "github.com/godwit-sms/smpp/tlv"

// QueryBroadcastSM asks for the state of a broadcast. SMPP v5.0, section 4.6.1.1.
type QueryBroadcastSM struct {
	MessageID string // at most 64 octets; empty: TLVUserMessageReference tells which
	Source    Address
	TLVs      tlv.List
}

// Command returns IDQueryBroadcastSM.
func (*QueryBroadcastSM) Command() CommandID { return IDQueryBroadcastSM }

// NewResponse returns an empty query_broadcast_sm_resp.
func (*QueryBroadcastSM) NewResponse() *QueryBroadcastSMResp { return new(QueryBroadcastSMResp) }

// Fields describes the fields.
func (p *QueryBroadcastSM) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, StatusInvalidMessageID)
	c.Address("source_addr", &p.Source, 21, StatusInvalidSource)
	c.TLVs(&p.TLVs)
}

// QueryBroadcastSMResp answers query_broadcast_sm. The TLVs TLVMessageState and,
// in pairs by order, TLVBroadcastAreaIdentifier and TLVBroadcastAreaSuccess are
// required on success. SMPP v5.0, section 4.6.1.3.
type QueryBroadcastSMResp struct {
	MessageID string // at most 64 octets
	TLVs      tlv.List
}

// Command returns IDQueryBroadcastSMResp.
func (*QueryBroadcastSMResp) Command() CommandID { return IDQueryBroadcastSMResp }

// Fields describes the fields.
func (p *QueryBroadcastSMResp) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, 0)
	c.TLVs(&p.TLVs)
}
