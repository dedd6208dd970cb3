// Package tlv holds the tagged, length-prefixed values (TLVs, "optional
// parameters" in SMPP v3.4) that follow the mandatory fields of a PDU.
//
// A List keeps all that was received, in order, known or not, so that what is
// forwarded is what came in. A Key gives one tag a Go type:
//
//	var CampaignID = tlv.Define(0x1400, "campaign_id", tlv.CString(33))
//
//	CampaignID.Set(&m.TLVs, "summer-7")
//	id, ok := CampaignID.Get(m.TLVs)
//
// The keys of the standard TLVs are in package pdu, since their values need its
// types. See SMPP v5.0, sections 3.1 and 4.8.
package tlv
