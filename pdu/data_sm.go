package pdu

import "github.com/godwit-sms/smpp/tlv"

// DataSM carries a message in either direction with few fields; all user data
// is in TLVMessagePayload. SMPP v5.0, sections 4.2.2.1 and 4.3.2.
type DataSM struct {
	ServiceType        string  // at most 5 octets; empty: the message center's default
	Source             Address // Addr at most 64 octets
	Dest               Address // Addr at most 64 octets
	ESMClass           ESMClass
	RegisteredDelivery RegisteredDelivery
	DataCoding         DataCoding
	TLVs               tlv.List
}

// Command returns IDDataSM.
func (*DataSM) Command() CommandID { return IDDataSM }

// NewResponse returns an empty data_sm_resp.
func (*DataSM) NewResponse() *DataSMResp { return new(DataSMResp) }

// Fields describes the fields.
func (p *DataSM) Fields(c *Codec) {
	c.CString("service_type", &p.ServiceType, 6, StatusInvalidServiceType)
	c.Address("source_addr", &p.Source, 65, StatusInvalidSource)
	c.Address("destination_addr", &p.Dest, 65, StatusInvalidDest)
	U8(c, "esm_class", &p.ESMClass, StatusInvalidESMClass)
	U8(c, "registered_delivery", &p.RegisteredDelivery, StatusInvalidRegisteredDelivery)
	U8(c, "data_coding", &p.DataCoding, StatusInvalidDataCoding)
	c.TLVs(&p.TLVs)
}

// DataSMResp answers data_sm. SMPP v5.0, section 4.2.2.2.
type DataSMResp struct {
	MessageID string // at most 64 octets; empty from an ESME
	TLVs      tlv.List
}

// Command returns IDDataSMResp.
func (*DataSMResp) Command() CommandID { return IDDataSMResp }

// Fields describes the fields.
func (p *DataSMResp) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, 0)
	c.TLVs(&p.TLVs)
}
