package pdu

import "github.com/godwit-sms/smpp/tlv"

// ReplaceSM changes a message that waits in the message center. There is no
// data_coding: that of the submission stays. SMPP v5.0, section 4.5.3.1.
type ReplaceSM struct {
	MessageID            string  // at most 64 octets, 8 in v3.3
	Source               Address // as in the submission, zero if it was
	ScheduleDeliveryTime Time    // empty: unchanged
	ValidityPeriod       Time    // empty: unchanged
	RegisteredDelivery   RegisteredDelivery
	DefaultMessageID     uint8  // index of a canned message of the message center; 0: none
	ShortMessage         []byte // at most 255 octets; 254 in v3.4, 160 in v3.3
	TLVs                 tlv.List
}

// Command returns IDReplaceSM.
func (*ReplaceSM) Command() CommandID { return IDReplaceSM }

// NewResponse returns an empty replace_sm_resp.
func (*ReplaceSM) NewResponse() *ReplaceSMResp { return new(ReplaceSMResp) }

// Fields describes the fields.
func (p *ReplaceSM) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, StatusInvalidMessageID)
	c.Address("source_addr", &p.Source, 21, StatusInvalidSource)
	c.Time("schedule_delivery_time", &p.ScheduleDeliveryTime, StatusInvalidScheduleTime, 1, 17)
	c.Time("validity_period", &p.ValidityPeriod, StatusInvalidExpiry, 1, 17)
	U8(c, "registered_delivery", &p.RegisteredDelivery, StatusInvalidRegisteredDelivery)
	U8(c, "sm_default_msg_id", &p.DefaultMessageID, StatusInvalidDefaultMessageID)
	c.Octets8("sm_length", "short_message", &p.ShortMessage, 255, StatusInvalidMessageLength)
	c.TLVs(&p.TLVs)
}

// ReplaceSMResp answers replace_sm. SMPP v5.0, section 4.5.3.2.
type ReplaceSMResp struct{ TLVs tlv.List }

// Command returns IDReplaceSMResp.
func (*ReplaceSMResp) Command() CommandID { return IDReplaceSMResp }

// Fields describes the fields.
func (p *ReplaceSMResp) Fields(c *Codec) { c.TLVs(&p.TLVs) }
