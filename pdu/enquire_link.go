package pdu

import "github.com/godwit-sms/smpp/tlv"

// EnquireLink asks whether the peer is alive; either side may send it. SMPP v5.0,
// section 4.1.2.1.
type EnquireLink struct{ TLVs tlv.List }

// Command returns IDEnquireLink.
func (*EnquireLink) Command() CommandID { return IDEnquireLink }

// NewResponse returns an empty enquire_link_resp.
func (*EnquireLink) NewResponse() *EnquireLinkResp { return new(EnquireLinkResp) }

// Fields describes the fields.
func (p *EnquireLink) Fields(c *Codec) { c.TLVs(&p.TLVs) }

// EnquireLinkResp tells that the peer is alive. Its status is always StatusOK.
// SMPP v5.0, section 4.1.2.2.
type EnquireLinkResp struct{ TLVs tlv.List }

// Command returns IDEnquireLinkResp.
func (*EnquireLinkResp) Command() CommandID { return IDEnquireLinkResp }

// Fields describes the fields.
func (p *EnquireLinkResp) Fields(c *Codec) { c.TLVs(&p.TLVs) }
