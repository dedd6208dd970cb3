package pdu

import "github.com/godwit-sms/smpp/tlv"

// QuerySM asks for the state of a message. SMPP v5.0, section 4.5.2.1.
type QuerySM struct {
	MessageID string  // at most 64 octets, 8 in v3.3
	Source    Address // as in the submission, zero if it was
	TLVs      tlv.List
}

// Command returns IDQuerySM.
func (*QuerySM) Command() CommandID { return IDQuerySM }

// NewResponse returns an empty query_sm_resp.
func (*QuerySM) NewResponse() *QuerySMResp { return new(QuerySMResp) }

// Fields describes the fields.
func (p *QuerySM) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, StatusInvalidMessageID)
	c.Address("source_addr", &p.Source, 21, StatusInvalidSource)
	c.TLVs(&p.TLVs)
}

// QuerySMResp answers query_sm. SMPP v5.0, section 4.5.2.2.
type QuerySMResp struct {
	MessageID string
	FinalDate Time // when the final state was reached, see Time.InZone; empty before
	State     MessageState
	ErrorCode uint8 // network specific; 0: none
	TLVs      tlv.List
}

// Command returns IDQuerySMResp.
func (*QuerySMResp) Command() CommandID { return IDQuerySMResp }

// Fields describes the fields.
func (p *QuerySMResp) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, 0)
	c.Time("final_date", &p.FinalDate, 0, 1, 13, 17)
	U8(c, "message_state", &p.State, 0)
	U8(c, "error_code", &p.ErrorCode, 0)
	c.TLVs(&p.TLVs)
}
