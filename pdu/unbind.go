package pdu

import "github.com/godwit-sms/smpp/tlv"

// Unbind asks to end the session; either side may send it. SMPP v5.0,
// section 4.1.1.8.
type Unbind struct{ TLVs tlv.List }

// Command returns IDUnbind.
func (*Unbind) Command() CommandID { return IDUnbind }

// NewResponse returns an empty unbind_resp.
func (*Unbind) NewResponse() *UnbindResp { return new(UnbindResp) }

// Fields describes the fields.
func (p *Unbind) Fields(c *Codec) { c.TLVs(&p.TLVs) }

// UnbindResp confirms the end of the session.
// SMPP v5.0, section 4.1.1.9.
type UnbindResp struct{ TLVs tlv.List }

// Command returns IDUnbindResp.
func (*UnbindResp) Command() CommandID { return IDUnbindResp }

// Fields describes the fields.
func (p *UnbindResp) Fields(c *Codec) { c.TLVs(&p.TLVs) }
