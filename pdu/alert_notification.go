package pdu

import "github.com/godwit-sms/smpp/tlv"

// AlertNotification tells an ESME that a mobile it could not reach, and for
// which it had a delivery pending flag set, is available again. It has no
// response. Its TLV is TLVMSAvailabilityStatus, available when absent.
// SMPP v5.0, section 4.1.3.
type AlertNotification struct {
	Source Address // the mobile; Addr at most 64 octets
	ESME   Address // the ESME that asked; Addr at most 64 octets
	TLVs   tlv.List
}

// Command returns IDAlertNotification.
func (*AlertNotification) Command() CommandID { return IDAlertNotification }

// Fields describes the fields.
func (p *AlertNotification) Fields(c *Codec) {
	c.Address("source_addr", &p.Source, 65, StatusInvalidSource)
	c.Address("esme_addr", &p.ESME, 65, StatusInvalidDest)
	c.TLVs(&p.TLVs)
}
