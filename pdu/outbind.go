package pdu

import (
	"fmt"

	"github.com/godwit-sms/smpp/tlv"
)

// Outbind asks an ESME that the message center has connected to for a bind. It
// has no response. SMPP v5.0, section 4.1.1.7.
type Outbind struct {
	SystemID string // identity of the message center, at most 15 octets
	Password string // at most 8 octets; may be empty
	TLVs     tlv.List
}

// Command returns IDOutbind.
func (*Outbind) Command() CommandID { return IDOutbind }

// String shows the system_id, and not the password.
func (p Outbind) String() string { return fmt.Sprintf("system_id %q", p.SystemID) }

// Fields describes the fields.
func (p *Outbind) Fields(c *Codec) {
	c.CString("system_id", &p.SystemID, 16, StatusInvalidSystemID)
	c.CString("password", &p.Password, 9, StatusInvalidPassword)
	c.TLVs(&p.TLVs)
}
