package pdu

import (
	"fmt"

	"github.com/godwit-sms/smpp/tlv"
)

// SubmitMulti hands the message center a message for up to 255 destinations.
// SMPP v5.0, section 4.2.3.1.
type SubmitMulti struct {
	ServiceType          string  // at most 5 octets; empty: the message center's default
	Source               Address // zero: the message center's default
	Dests                []Destination
	ESMClass             ESMClass
	ProtocolID           uint8 // TP-PID on GSM
	PriorityFlag         uint8 // 0 to 4; 0 to 3 in v3.4, 0 or 1 in v3.3
	ScheduleDeliveryTime Time  // empty: at once
	ValidityPeriod       Time  // empty: the message center's default
	RegisteredDelivery   RegisteredDelivery
	ReplaceIfPresent     uint8 // v5.0
	DataCoding           DataCoding
	DefaultMessageID     uint8  // index of a canned message of the message center; 0: none
	ShortMessage         []byte // at most 255 octets; 254 in v3.4, 160 in v3.3
	TLVs                 tlv.List
}

// Command returns IDSubmitMulti.
func (*SubmitMulti) Command() CommandID { return IDSubmitMulti }

// NewResponse returns an empty submit_multi_resp.
func (*SubmitMulti) NewResponse() *SubmitMultiResp { return new(SubmitMultiResp) }

// Fields describes the fields.
func (p *SubmitMulti) Fields(c *Codec) {
	c.CString("service_type", &p.ServiceType, 6, StatusInvalidServiceType)
	c.Address("source_addr", &p.Source, 21, StatusInvalidSource)
	List(c, "number_of_dests", "dest_address", &p.Dests, 1, 255, StatusInvalidNumberOfDests, (*Destination).fields)
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

// A DestFlag tells an address from a distribution list. SMPP v5.0, section 4.7.9.
type DestFlag uint8

// The kinds of destination.
const (
	DestAddress DestFlag = 1
	DestList    DestFlag = 2
)

// A Destination of a submit_multi is an address, or the name of a distribution
// list that the message center keeps.
type Destination struct {
	Flag    DestFlag // 0: DestList if List is set, else DestAddress
	Address Address
	List    string // at most 20 octets
}

// To returns the addresses as destinations of a submit_multi.
func To(addresses ...Address) []Destination {
	d := make([]Destination, len(addresses))
	for i, a := range addresses {
		d[i].Address = a
	}
	return d
}

func (d *Destination) fields(c *Codec) {
	flag := d.Flag
	if flag == 0 {
		flag = DestAddress
		if d.List != "" {
			flag = DestList
		}
	}
	given := flag
	U8(c, "dest_flag", &given, StatusInvalidDestFlag)
	if given != flag || c.mode == modeDecode || c.mode == modeAnnotate {
		d.Flag = given // encoding does not write
	}
	switch given {
	case DestAddress:
		c.Address("destination_addr", &d.Address, 21, StatusInvalidDest)
	case DestList:
		c.CString("dl_name", &d.List, 21, StatusInvalidDistributionList)
	default:
		switch c.mode {
		case modeDecode, modeAnnotate:
			c.fail("dest_flag", c.pos-1, StatusInvalidDestFlag, fmt.Sprintf("%d, 1 (address) or 2 (distribution list) are allowed", given))
		default:
			c.refuse("dest_flag", fmt.Sprint(given), "1 (address) or 2 (distribution list) are allowed", StatusInvalidDestFlag)
		}
	}
}

// SubmitMultiResp answers submit_multi. SMPP v5.0, section 4.2.3.2.
type SubmitMultiResp struct {
	MessageID string         // one handle for all destinations; at most 64 octets, 8 in v3.3
	Failed    []Unsuccessful // destinations that were refused, at most 255
	TLVs      tlv.List
}

// Command returns IDSubmitMultiResp.
func (*SubmitMultiResp) Command() CommandID { return IDSubmitMultiResp }

// Fields describes the fields.
func (p *SubmitMultiResp) Fields(c *Codec) {
	c.CString("message_id", &p.MessageID, 65, 0)
	List(c, "no_unsuccess", "unsuccess_sme", &p.Failed, 0, 255, 0, (*Unsuccessful).fields)
	c.TLVs(&p.TLVs)
}

// Unsuccessful is a destination of a submit_multi that was refused. A
// distribution list stands in Address by its name, with zero TON and NPI.
type Unsuccessful struct {
	Address Address
	Status  Status
}

func (u *Unsuccessful) fields(c *Codec) {
	c.Address("destination_addr", &u.Address, 21, 0)
	U32(c, "error_status_code", &u.Status, 0)
}
