package pdu

import (
	"fmt"

	"github.com/godwit-sms/smpp/tlv"
)

// Bind holds the fields of the three bind requests: who wants to log in, and
// for what. SMPP v5.0, section 4.1.1.
type Bind struct {
	SystemID         string // at most 15 octets
	Password         string // at most 8 octets; may be empty
	SystemType       string // at most 12 octets; may be empty
	InterfaceVersion Version
	AddressRange     Address // addresses served by the session; Addr at most 40 octets, empty as a rule
	TLVs             tlv.List
}

// String shows the fields apart from the password and the TLVs.
func (b Bind) String() string {
	return fmt.Sprintf("system_id %q, system_type %q, interface_version %v, address_range %q", b.SystemID, b.SystemType, b.InterfaceVersion, b.AddressRange.Addr)
}

// Fields describes the fields.
func (b *Bind) Fields(c *Codec) {
	c.CString("system_id", &b.SystemID, 16, StatusInvalidSystemID)
	c.CString("password", &b.Password, 9, StatusInvalidPassword)
	c.CString("system_type", &b.SystemType, 13, StatusInvalidSystemType)
	U8(c, "interface_version", &b.InterfaceVersion, 0)
	c.Address("address_range", &b.AddressRange, 41, 0)
	c.TLVs(&b.TLVs)
}

// BindResp holds the fields of the responses to the three bind requests.
// SMPP v5.0, section 4.1.1.
type BindResp struct {
	SystemID string // identity of the message center, at most 15 octets
	TLVs     tlv.List
}

// Fields describes the fields.
func (b *BindResp) Fields(c *Codec) {
	c.CString("system_id", &b.SystemID, 16, 0)
	c.TLVs(&b.TLVs)
}

// BindRequest is any of the three bind requests.
type BindRequest interface {
	Body
	// BindFields returns the fields, which all three have.
	BindFields() *Bind
	// NewBindResp returns a response of the right kind with the given fields.
	NewBindResp(BindResp) Body
}

// BindResponse is the response to any of the three bind requests.
type BindResponse interface {
	Body
	BindRespFields() *BindResp
}

// BindFields returns b.
func (b *Bind) BindFields() *Bind { return b }

// BindRespFields returns b.
func (b *BindResp) BindRespFields() *BindResp { return b }
