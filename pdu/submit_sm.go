package pdu

import "github.com/godwit-sms/smpp/tlv"

// SubmitSM hands the message center a message for one destination.
// SMPP v5.0, section 4.2.1.1.
type SubmitSM struct {
	ServiceType          string  // at most 5 octets; empty: the message center's default
	Source               Address // zero: the message center's default
	Dest                 Address
	ESMClass             ESMClass
	ProtocolID           uint8 // TP-PID on GSM
	PriorityFlag         uint8 // 0 to 4; 0 to 3 in v3.4, 0 or 1 in v3.3
	ScheduleDeliveryTime Time  // empty: at once
	ValidityPeriod       Time  // empty: the message center's default
	RegisteredDelivery   RegisteredDelivery
	ReplaceIfPresent     uint8 // 1: replace a waiting message with the same source, destination and service type
	DataCoding           DataCoding
	DefaultMessageID     uint8  // index of a canned message of the message center; 0: none
	ShortMessage         []byte // at most 255 octets; 254 in v3.4, 160 in v3.3. TLVMessagePayload carries more
	TLVs                 tlv.List
}

// Command returns IDSubmitSM.
func (*SubmitSM) Command() CommandID { return IDSubmitSM }

// NewResponse returns an empty submit_sm_resp.
func (*SubmitSM) NewResponse() *SubmitSMResp { return new(SubmitSMResp) }

// Fields describes the fields.
func (p *SubmitSM) Fields(c *Codec) {
	c.CString("service_type", &p.ServiceType, 6, StatusInvalidServiceType)
	c.Address("source_addr", &p.Source, 21, StatusInvalidSource)
	c.Address("destination_addr", &p.Dest, 21, StatusInvalidDest)
	U8(c, "esm_class", &p.ESMClass, StatusInvalidESMClass)
	U8(c, "protocol_id", &p.ProtocolID, 0)
	U8(c, "priority_flag", &p.PriorityFlag, StatusInvalidPriorityFlag)
	c.Time("schedule_delivery_time", &p.ScheduleDeliveryTime, StatusInvalidScheduleTime, 1, 17)
	c.Time("validity_period", &p.ValidityPeriod, StatusInvalidExpiry, 1, 17)
	U8(c, "registered_delivery", &p.RegisteredDelivery, StatusInvalidRegisteredDelivery)
	U8(c, "replace_if_present_flag", &p.ReplaceIfPresent, StatusInvalidReplaceFlag)
	U8(c, "data_coding", &p.DataCoding, StatusInvalidDataCoding)
	U8(c, "sm_default_msg_id", &p.DefaultMessageID, StatusInvalidDefaultMessageID)
	c.Octets8("sm_length", "short_message", &p.ShortMessage, 255, StatusInvalidMessageLength)
	c.TLVs(&p.TLVs)
}

// SubmitSMResp answers submit_sm. SMPP v5.0, section 4.2.1.2.
type SubmitSMResp struct {
	MessageID string // the message center's handle of the message, opaque; at most 64 octets, 8 in v3.3
	TLVs      tlv.List
}

// Command returns IDSubmitSMResp.
func (*SubmitSMResp) Command() CommandID { return IDSubmitSMResp }

// Fields describes the fields.
func (p *SubmitSMResp) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, 0)
	c.TLVs(&p.TLVs)
}
