package pdu

import "github.com/godwit-sms/smpp/tlv"

// CancelBroadcastSM cancels a broadcast. SMPP v5.0, section 4.6.2.1.
type CancelBroadcastSM struct {
	ServiceType string // at most 5 octets; narrows a cancellation without MessageID
	MessageID   string // at most 64 octets; empty: TLVUserMessageReference tells which
	Source      Address
	TLVs        tlv.List
}

// Command returns IDCancelBroadcastSM.
func (*CancelBroadcastSM) Command() CommandID { return IDCancelBroadcastSM }

// NewResponse returns an empty cancel_broadcast_sm_resp.
func (*CancelBroadcastSM) NewResponse() *CancelBroadcastSMResp { return new(CancelBroadcastSMResp) }

// Fields describes the fields.
func (p *CancelBroadcastSM) Fields(c *Codec) {
	c.CString("service_type", &p.ServiceType, 6, StatusInvalidServiceType)
	c.CString("message_id", &p.MessageID, 65, StatusInvalidMessageID)
	c.Address("source_addr", &p.Source, 21, StatusInvalidSource)
	c.TLVs(&p.TLVs)
}

// CancelBroadcastSMResp answers cancel_broadcast_sm. SMPP v5.0, section 4.6.2.3.
type CancelBroadcastSMResp struct{ TLVs tlv.List }

// Command returns IDCancelBroadcastSMResp.
func (*CancelBroadcastSMResp) Command() CommandID { return IDCancelBroadcastSMResp }

// Fields describes the fields.
func (p *CancelBroadcastSMResp) Fields(c *Codec) { c.TLVs(&p.TLVs) }
