package pdu

import "github.com/godwit-sms/smpp/tlv"

// BroadcastSM submits a cell broadcast. The TLVs TLVBroadcastAreaIdentifier,
// TLVBroadcastContentType, TLVBroadcastRepNum (unless the priority is 1) and
// TLVBroadcastFrequencyInterval are required; TLVMessagePayload holds the text.
// SMPP v5.0, section 4.4.1.1.
type BroadcastSM struct {
	ServiceType          string  // at most 5 octets; empty: the message center's default
	Source               Address // zero: the message center's default
	MessageID            string  // of the broadcast to replace; empty otherwise
	PriorityFlag         uint8   // 0 to 4
	ScheduleDeliveryTime Time    // empty: at once
	ValidityPeriod       Time    // empty: as repetitions and interval imply
	ReplaceIfPresent     uint8   // 1: replace the broadcast with MessageID or TLVUserMessageReference
	DataCoding           DataCoding
	DefaultMessageID     uint8 // index of a canned message of the message center; 0: none
	TLVs                 tlv.List
}

// Command returns IDBroadcastSM.
func (*BroadcastSM) Command() CommandID { return IDBroadcastSM }

// NewResponse returns an empty broadcast_sm_resp.
func (*BroadcastSM) NewResponse() *BroadcastSMResp { return new(BroadcastSMResp) }

// Fields describes the fields.
func (p *BroadcastSM) Fields(c *Codec) {
	c.CString("service_type", &p.ServiceType, 6, StatusInvalidServiceType)
	c.Address("source_addr", &p.Source, 21, StatusInvalidSource)
	c.CString("message_id", &p.MessageID, 65, StatusInvalidMessageID)
	U8(c, "priority_flag", &p.PriorityFlag, StatusInvalidPriorityFlag)
	c.Time("schedule_delivery_time", &p.ScheduleDeliveryTime, StatusInvalidScheduleTime, 1, 17)
	c.Time("validity_period", &p.ValidityPeriod, StatusInvalidExpiry, 1, 17)
	U8(c, "replace_if_present_flag", &p.ReplaceIfPresent, StatusInvalidReplaceFlag)
	U8(c, "data_coding", &p.DataCoding, StatusInvalidDataCoding)
	U8(c, "sm_default_msg_id", &p.DefaultMessageID, StatusInvalidDefaultMessageID)
	c.TLVs(&p.TLVs)
}

// BroadcastSMResp answers broadcast_sm. Areas that failed are in
// TLVBroadcastAreaIdentifier and, in the same order, their errors in
// TLVBroadcastErrorStatus. SMPP v5.0, section 4.4.1.2.
type BroadcastSMResp struct {
	MessageID string // at most 64 octets
	TLVs      tlv.List
}

// Command returns IDBroadcastSMResp.
func (*BroadcastSMResp) Command() CommandID { return IDBroadcastSMResp }

// Fields describes the fields.
func (p *BroadcastSMResp) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, 0)
	c.TLVs(&p.TLVs)
}
