package pdu

import "github.com/godwit-sms/smpp/tlv"

// CancelSM cancels one message, or all that wait with the given service type
// and addresses. SMPP v5.0, section 4.5.1.1.
type CancelSM struct {
	ServiceType string  // at most 5 octets; narrows a cancellation without MessageID
	MessageID   string  // at most 64 octets, 8 in v3.3; empty: all that match the addresses
	Source      Address // as in the submission, zero if it was
	Dest        Address // may be zero when MessageID is set
	TLVs        tlv.List
}

// Command returns IDCancelSM.
func (*CancelSM) Command() CommandID { return IDCancelSM }

// NewResponse returns an empty cancel_sm_resp.
func (*CancelSM) NewResponse() *CancelSMResp { return new(CancelSMResp) }

// Fields describes the fields.
func (p *CancelSM) Fields(c *Codec) {
	c.CString("service_type", &p.ServiceType, 6, StatusInvalidServiceType)
	c.CString("message_id", &p.MessageID, 65, StatusInvalidMessageID)
	c.Address("source_addr", &p.Source, 21, StatusInvalidSource)
	c.Address("destination_addr", &p.Dest, 21, StatusInvalidDest)
	c.TLVs(&p.TLVs)
}

// CancelSMResp answers cancel_sm. SMPP v5.0, section 4.5.1.2.
type CancelSMResp struct{ TLVs tlv.List }

// Command returns IDCancelSMResp.
func (*CancelSMResp) Command() CommandID { return IDCancelSMResp }

// Fields describes the fields.
func (p *CancelSMResp) Fields(c *Codec) { c.TLVs(&p.TLVs) }
